/** The checks of `doctor`, in their order. A new one is an entry here. */

import type { Check } from "./check.ts";
import { checkConfig } from "./config_check.ts";
import { checkDataFolder } from "./data_folder_check.ts";
import { checkFiles } from "./files_check.ts";
import { checkLlm } from "./llm_check.ts";
import { checkMcp } from "./mcp_check.ts";
import { checkPort } from "./port_check.ts";
import { checkRuntime } from "./runtime_check.ts";
import { checkStore } from "./store_check.ts";

export const checks: readonly Check[] = [
  { name: "runtime", run: checkRuntime },
  { name: "config", run: checkConfig },
  { name: "files", run: checkFiles },
  { name: "data", run: checkDataFolder },
  { name: "store", run: checkStore },
  { name: "port", run: checkPort },
  { name: "llm", run: checkLlm },
  { name: "mcp", run: checkMcp },
];
