/** The entry of the program: the only place that ends the process. */

import { runCommandLine } from "./src/cli/main.ts";

if (import.meta.main) {
  try {
    Deno.exit(await runCommandLine(Deno.args));
  } catch (error) {
    // Nothing may end without saying so: a rejection that nobody hears would end with exit code 0.
    console.error(error);
    Deno.exit(1);
  }
}
