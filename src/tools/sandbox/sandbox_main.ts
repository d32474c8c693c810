/**
 * The entry of the sandbox's process where the gateway runs from source: it loads no package, so
 * the process can be started without the right to load any. The compiled program has `main.ts`.
 */

import { runSandboxChild } from "./sandbox_child.ts";

if (import.meta.main) Deno.exit(await runSandboxChild());
