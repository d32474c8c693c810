/** The command `config`: every setting, its value and where that came from. */

import { type Flags, readConfigSources } from "../../config/config.ts";
import { reportSettings, unknownNames } from "../../config/report.ts";

/** Prints the configuration; resolves with the exit code: 2 where something in it is wrong. */
export function config(flags: Flags): Promise<number> {
  const surroundings = readConfigSources(flags);
  const settings = reportSettings(surroundings);
  const warnings = unknownNames(surroundings);
  const { dotEnvPath } = surroundings;
  if (flags.json) {
    console.log(JSON.stringify({ settings, warnings, dot_env: dotEnvPath ?? null }, null, 2));
  } else {
    const widths = [
      Math.max(...settings.map(({ name }) => name.length)),
      Math.max(...settings.map(({ value }) => Math.min(value?.length ?? 0, 40))),
    ] as const;
    for (const { name, value = "", from } of settings) {
      const origin = from === ".env" ? dotEnvPath ?? from : from;
      console.log(`${name.padEnd(widths[0])}  ${value.padEnd(widths[1])}  ${origin}`);
    }
    for (const warning of warnings) console.error(`warning: ${warning}`);
  }
  for (const { error } of settings) if (error) console.error(`error: ${error}`);
  return Promise.resolve(settings.some(({ error }) => error) ? 2 : 0);
}
