/** The command `config`: every setting, its value and its source. */

import { type Flags, readConfigSources } from "../../config/config.ts";
import { reportSettings, unknownNames } from "../../config/report.ts";

/** Runs `config`. The exit code is 2 if a setting is invalid. */
export function config(flags: Flags): Promise<number> {
  const sources = readConfigSources(flags);
  const settings = reportSettings(sources);
  const warnings = unknownNames(sources);
  const { dotEnvPath } = sources;
  if (flags.json) {
    console.log(JSON.stringify({ settings, warnings, dot_env: dotEnvPath ?? null }, null, 2));
  } else {
    const nameWidth = Math.max(...settings.map(({ name }) => name.length));
    const valueWidth = Math.max(...settings.map(({ value }) => Math.min(value?.length ?? 0, 40)));
    for (const { name, value = "", from } of settings) {
      const source = from === ".env" ? dotEnvPath ?? from : from;
      console.log(`${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${source}`);
    }
    for (const warning of warnings) console.error(`warning: ${warning}`);
  }
  for (const { error } of settings) if (error) console.error(`error: ${error}`);
  return Promise.resolve(settings.some(({ error }) => error) ? 2 : 0);
}
