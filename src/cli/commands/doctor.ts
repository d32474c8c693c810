/** The command `doctor`: looks at all that the gateway needs, and says what to do where it is not right. */

import {
  type Flags,
  readConfig,
  readConfigSources,
  readDaemonConfig,
} from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { closestWord } from "../../lib/closest_word.ts";
import type { Check, CheckContext, Finding } from "../checks/check.ts";
import { checks } from "../checks/checks.ts";

/** Runs the checks; resolves with the exit code: 1 where one has found an error. */
export async function doctor(flags: Flags): Promise<number> {
  const skipped = namesToSkip(flags.skip);
  const context = contextOf(flags);
  const found: (Finding & { readonly check: string })[] = [];
  for (const check of checks.filter(({ name }) => !skipped.includes(name))) {
    for (const finding of await findingsOf(check, context)) {
      found.push({ check: check.name, ...finding });
      if (flags.json) continue;
      const { level, text } = finding;
      console.log(`${level.padEnd(8)} ${check.name}: ${text.replaceAll("\n", "\n  ")}`);
    }
  }
  if (flags.json) console.log(JSON.stringify({ findings: found }, null, 2));
  return found.some(({ level }) => level === "error") ? 1 : 0;
}

async function findingsOf(check: Check, context: CheckContext): Promise<readonly Finding[]> {
  try {
    return await check.run(context);
  } catch (thrown) {
    return [{ level: "error", text: errorText(thrown) }];
  }
}

function contextOf(flags: Flags): CheckContext {
  const surroundings = readConfigSources(flags);
  const daemon = readDaemonConfig(flags, { lenient: true });
  try {
    return { flags, surroundings, daemon, config: readConfig(flags) };
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    return { flags, surroundings, daemon, wrong: thrown.message };
  }
}

function namesToSkip(value: Flags[string]): readonly string[] {
  const names = checks.map(({ name }) => name);
  const skipped = String(value ?? "").split(",").map((name) => name.trim()).filter(Boolean);
  for (const name of skipped) {
    if (names.includes(name)) continue;
    const meant = closestWord(name, names);
    const hint = meant ? `did you mean ${meant}?` : `there are ${names.join(", ")}`;
    throw new ConfigError(`Cannot skip ${JSON.stringify(name)}; ${hint}`);
  }
  return skipped;
}
