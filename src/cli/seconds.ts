/** Reads the value of an option that is a number of seconds. Used by `start` and `stop`. */

import { ConfigError } from "../lib/config_error.ts";
import { maxTimerSeconds } from "../lib/wait.ts";

/** Milliseconds; undefined where the option was not given. @throws {ConfigError} for anything else. */
export function secondsOf(value: string | boolean | undefined): number | undefined {
  if (value === undefined) return undefined;
  const seconds = value === "" ? NaN : Number(value);
  if (seconds >= 0 && seconds <= maxTimerSeconds) return seconds * 1000;
  throw new ConfigError(
    `Cannot use --timeout=${JSON.stringify(value)}: expected a number of seconds`,
  );
}
