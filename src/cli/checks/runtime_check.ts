/** Checks what the program runs on: the version of Deno, the clock. Called by `doctor`. */

import { version } from "../../config/version.ts";
import { type Finding, ok, warning } from "./check.ts";

/** The oldest Deno that the tests run on. */
const oldest = [2, 4] as const;
/** The program is younger than this: a clock before it is wrong. */
const youngest = Date.UTC(2025, 0);

export function checkRuntime(): readonly Finding[] {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  const old = major < oldest[0] || major === oldest[0] && minor < oldest[1];
  const what = `clara-gateway ${version} on Deno ${Deno.version.deno}, ${Deno.build.target}`;
  return [
    ...old ? warning(`${what}: it is tested on Deno ${oldest.join(".")} and newer`) : ok(what),
    ...Date.now() < youngest
      ? warning(`the clock says ${new Date().toISOString()}: set it right (NTP)`)
      : [],
  ];
}
