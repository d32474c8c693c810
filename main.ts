/** The entry of the program: the only place that ends the process. */

import { runCommandLine } from "./src/cli/command_line.ts";

if (import.meta.main) Deno.exit(await runCommandLine(Deno.args));
