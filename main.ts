/** The entry point: the only place that ends the process. */

import { runCommandLine } from "./src/cli/main.ts";

if (import.meta.main) {
  try {
    Deno.exit(await runCommandLine(Deno.args));
  } catch (error) {
    // Without this, an unhandled rejection could end the process with exit code 0.
    console.error(error);
    Deno.exit(1);
  }
}
