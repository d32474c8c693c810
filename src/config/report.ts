/** The configuration as people see it: the value of each setting, and where it came from. */

import { join } from "node:path";
import { closestWord } from "../lib/closest_word.ts";
import { type ConfigSources, findSetting, readDaemonConfig } from "./config.ts";
import { fileExists } from "../lib/files.ts";
import type { GatewayConfig } from "./gateway_config.ts";
import { readSetting, type Setting } from "./setting.ts";
import { settings } from "./settings.ts";
import { serviceLinkNames } from "./value_forms.ts";

/** Where a value came from. */
export type Origin = "flag" | "environment" | ".env" | "default";

/** The effective value of one setting. */
export interface SettingReport {
  readonly name: string;
  /** The value as text, or `(secret)`; undefined if none is set. */
  readonly value: string | undefined;
  readonly from: Origin;
  /** Why the value is invalid, if it is. */
  readonly error?: string;
}

const allSettings: readonly Setting<unknown>[] = Object.values(settings);

/** Every setting, in the order of docs/settings.md. */
export function reportSettings(sources: ConfigSources): readonly SettingReport[] {
  const { dataDir, pidFile } = readDaemonConfig(sources.flags, { lenient: true });
  const model = readSetting(settings.model, findSetting(settings.model, sources)).value;
  const computed = new Map<unknown, string | undefined>([
    [settings.dataDir, dataDir],
    [settings.pidFile, pidFile],
    ...[settings.modelHigh, settings.modelMid, settings.modelLow].map((tier) =>
      [tier, model] as const
    ),
  ]);
  return allSettings.map((setting) => {
    const { found, error } = readSetting(setting, findSetting(setting, sources));
    const text = found?.value ?? computed.get(setting) ?? setting.shown;
    return {
      name: setting.env,
      value: setting.secret && found ? "(secret)" : maskPassword(text),
      from: sourceOf(setting, found?.from),
      ...(error && { error }),
    };
  });
}

/** Variables that look like settings but are none, each with a suggestion. */
export function unknownNames({ env, dotEnv }: ConfigSources): readonly string[] {
  const known = allSettings.map((setting) => setting.env);
  const describe = (where: string) => (name: string) => {
    const meant = closestWord(name, known);
    return `${name}${where} is not a setting${meant ? `; did you mean ${meant}?` : ""}`;
  };
  const unknown = (name: string) =>
    name.startsWith("CLARA_") && !known.includes(name) && !otherNames.test(name) &&
    !serviceLinkNames.test(name);
  return [
    ...Object.keys(env).filter(unknown).map(describe("")),
    ...Object.keys(dotEnv).filter((name) => unknown(name) && !(name in env)).map(
      describe(" (in .env)"),
    ),
  ];
}

/**
 * Files that look like the gateway's but are not read, such as `hooks.yml` for `hooks.yaml`: for tools.yaml that would
 * mean a policy that is not applied.
 */
export function misnamedFiles(config: GatewayConfig): readonly string[] {
  const { hooksDir, schedulerDir, modelsFile, toolsFile, secretsFile, mcpFile } = config;
  const read = [
    join(hooksDir, "hooks.yaml"),
    join(schedulerDir, "scheduler.yaml"),
    modelsFile,
    toolsFile,
    secretsFile,
    mcpFile,
  ];
  return read.flatMap((path) => {
    const stem = path.replace(/\.\w+$/, "");
    return ["yml", "yaml", "json", "json5", "jsonc", "yaml.txt", "yml.txt", "json.txt"]
      .map((ending) => `${stem}.${ending}`)
      .filter((other) => other !== path && fileExists(other) && !read.includes(other))
      .map((other) => `${other} is not read; the gateway reads ${path}. Rename it`);
  });
}

/** Names with another use: the terminal adapter's, those passed to hooks and tasks, those of tests. */
const otherNames =
  /^CLARA_(?:GATEWAY_URL|CHANNEL_ID|FIRE_AT|NODE_ID|PLATFORM|REQUEST_ID|TIMESTAMP|USER_ID|(?:EVENT|HOOK|TASK|TEST)(?:_.*)?)$/;

function sourceOf(setting: Setting<unknown>, from: string | undefined): Origin {
  if (from === undefined) return "default";
  if (from === setting.env) return "environment";
  return from.startsWith("--") ? "flag" : ".env";
}

/** A URL may contain a password. */
function maskPassword(text: string): string {
  return text.replace(/^(\w+:\/\/[^/\s:@]*):[^/\s@]*@/, "$1:(secret)@");
}
