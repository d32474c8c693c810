/**
 * Entry point of the sandbox process when the gateway runs from source. It loads no packages, so the
 * process needs no permission to load any. The compiled program runs `clara-gateway sandbox` instead.
 */

import { runSandboxChild } from "./child.ts";

if (import.meta.main) Deno.exit(await runSandboxChild());
