/** What takes the types out of TypeScript. By way of a file of its own for the reason in yaml_library.ts. */

export { transform } from "sucrase";
