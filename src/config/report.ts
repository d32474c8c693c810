/** The configuration, told to people: each setting's value and where it came from. */

import { type ConfigSources, findSetting, readDaemonConfig } from "./config.ts";
import { closestWord } from "../lib/closest_word.ts";
import { readSetting, type Setting } from "./setting.ts";
import { settings } from "./settings.ts";

/** Where a value came from. */
export type Origin = "flag" | "environment" | ".env" | "default";

/** One setting, as it is in force. */
export interface SettingReport {
  readonly name: string;
  /** The value as text, or `(secret)`; undefined where none is set. */
  readonly value: string | undefined;
  readonly from: Origin;
  /** What is wrong with the value, where it cannot be used. */
  readonly error?: string;
}

/** Every setting, in the order of the documentation. */
export function reportSettings(surroundings: ConfigSources): readonly SettingReport[] {
  const { dataDir, pidFile } = readDaemonConfig(surroundings.flags, { lenient: true });
  const model = readSetting(settings.model, findSetting(settings.model, surroundings)).value;
  const computed = new Map<unknown, string | undefined>([
    [settings.dataDir, dataDir],
    [settings.pidFile, pidFile],
    ...[settings.modelHigh, settings.modelMid, settings.modelLow].map((tier) =>
      [tier, model] as const
    ),
  ]);
  return (Object.values(settings) as Setting<unknown>[]).map((setting) => {
    const { value, found, error } = readSetting(setting, findSetting(setting, surroundings));
    const fallback = computed.get(setting) ?? (value === undefined ? setting.shown : textOf(value));
    const text = found?.value ?? fallback;
    return {
      name: setting.env,
      value: setting.secret && found ? "(secret)" : maskPassword(text),
      from: sourceOf(setting, found?.from),
      ...(error && { error }),
    };
  });
}

/** Names that begin as ours do and are none of ours, each with what may have been meant. */
export function unknownNames({ env, dotEnv }: ConfigSources): readonly string[] {
  const known = (Object.values(settings) as Setting<unknown>[]).map((setting) => setting.env);
  const tell = (where: string) => (name: string) => {
    const meant = closestWord(name, known);
    return `${name}${where} is no setting${meant ? `; did you mean ${meant}?` : ""}`;
  };
  const unknown = (name: string) =>
    name.startsWith("CLARA_") && !known.includes(name) && !elsewhere.test(name);
  return [
    ...Object.keys(env).filter(unknown).map(tell("")),
    ...Object.keys(dotEnv).filter((name) => unknown(name) && !(name in env)).map(
      tell(" (in .env)"),
    ),
  ];
}

/** Names with a use of their own: the terminal's, those that hooks and tasks are given, the tests'. */
const elsewhere =
  /^CLARA_(?:GATEWAY_URL|CHANNEL_ID|FIRE_AT|NODE_ID|PLATFORM|REQUEST_ID|TIMESTAMP|USER_ID|(?:EVENT|HOOK|TASK|TEST)(?:_.*)?)$/;

function sourceOf(setting: Setting<unknown>, from: string | undefined): Origin {
  if (from === undefined) return "default";
  if (from === setting.env) return "environment";
  return from.startsWith("--") ? "flag" : ".env";
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(",") || "(none)" : String(value);
}

/** A URL may carry a password. */
function maskPassword(text: string): string {
  return text.replace(/^(\w+:\/\/[^/\s:@]*):[^/\s@]*@/, "$1:(secret)@");
}
