/** The entry point: the only place that exits the process. */

import { runCommandLine } from "./src/cli/main.ts";

if (import.meta.main) {
  try {
    Deno.exit(await runCommandLine(Deno.args));
  } catch (error) {
    // Without this, an unhandled rejection could exit with code 0 and no message.
    console.error(error);
    Deno.exit(1);
  }
}
