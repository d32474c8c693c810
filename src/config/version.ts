/** The program's version. */

import manifest from "../../deno.json" with { type: "json" };

/** Semantic version from `deno.json`, such as `0.1.0`. */
export const version: string = manifest.version;
