/**
 * The parts of the YAML library that are used. This file is imported lazily instead of the library, since
 * the compiled program finds only statically imported names in a CommonJS package.
 */

export { isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";
