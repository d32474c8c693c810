/**
 * The YAML library, as far as it is used. Imported when first needed, by way of this file: in the
 * compiled program only names that are imported outright are found in a package of CommonJS.
 */

export { isMap, LineCounter, parseDocument } from "yaml";
