/** The command `doctor`: checks everything that the gateway needs, and says how to fix problems. */

import {
  type Flags,
  readConfig,
  readConfigSources,
  readDaemonConfig,
} from "../../config/config.ts";
import { closestWord } from "../../lib/closest_word.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import type { Check, CheckContext, Finding } from "../checks/check.ts";
import { checkConfig, checkFiles } from "../checks/config.ts";
import { checkDataFolder, checkPort, checkRuntime, checkStore } from "../checks/machine.ts";
import { checkLlm, checkMcp } from "../checks/services.ts";

/** The checks, in their order. To add one, add an entry here. */
const checks: readonly Check[] = [
  { name: "runtime", run: checkRuntime },
  { name: "config", run: checkConfig },
  { name: "files", run: checkFiles },
  { name: "data", run: checkDataFolder },
  { name: "store", run: checkStore },
  { name: "port", run: checkPort },
  { name: "llm", run: checkLlm },
  { name: "mcp", run: checkMcp },
];

/** Runs `doctor`. The exit code is 1 if a check finds an error. */
export async function doctor(flags: Flags): Promise<number> {
  const skipped = parseSkip(flags.skip);
  const context = readContext(flags);
  const findings: (Finding & { readonly check: string })[] = [];
  for (const check of checks.filter(({ name }) => !skipped.includes(name))) {
    for (const finding of await runCheck(check, context)) {
      findings.push({ check: check.name, ...finding });
      if (flags.json) continue;
      const { level, text } = finding;
      console.log(`${level.padEnd(8)} ${check.name}: ${text.replaceAll("\n", "\n  ")}`);
    }
  }
  if (flags.json) console.log(JSON.stringify({ findings }, null, 2));
  return findings.some(({ level }) => level === "error") ? 1 : 0;
}

async function runCheck(check: Check, context: CheckContext): Promise<readonly Finding[]> {
  try {
    return await check.run(context);
  } catch (thrown) {
    return [{ level: "error", text: errorText(thrown) }];
  }
}

/** Reads the settings; invalid ones are for the checks to report. */
function readContext(flags: Flags): CheckContext {
  const sources = readConfigSources(flags);
  const daemon = readDaemonConfig(flags, { lenient: true });
  try {
    return { sources, daemon, config: readConfig(flags) };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return { sources, daemon, configErrors: thrown.message };
  }
}

function parseSkip(value: Flags[string]): readonly string[] {
  const names = checks.map(({ name }) => name);
  const skipped = String(value ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  for (const name of skipped) {
    if (names.includes(name)) continue;
    const meant = closestWord(name, names);
    const hint = meant ? `did you mean ${meant}?` : `expected ${names.join(", ")}`;
    throw new ConfigError(`Cannot skip ${JSON.stringify(name)}; ${hint}`);
  }
  return skipped;
}
