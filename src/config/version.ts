/** The program's version, as `deno.json` states it. Called by health, the log and the command line. */

import manifest from "../../deno.json" with { type: "json" };

/** Semantic version of this gateway, for instance `0.1.0`. */
export const version: string = manifest.version;
