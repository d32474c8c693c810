/** The environment of the operator's commands. Used by hooks and scheduled tasks. */

import { expandVariables } from "../../lib/variables.ts";

/** What a command's environment is made of. */
export interface CommandEnvironmentOptions {
  /** What every command gets: what programs need, no secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Looks up what a command's own variables name as `${NAME}`. */
  readonly environment: (name: string) => string | undefined;
}

/**
 * The environment of a command with variables of its own.
 *
 * @throws {ConfigError} where one of them names a variable that is not set.
 */
export function commandEnvironment(
  own: Readonly<Record<string, string>>,
  { childEnvironment, environment }: CommandEnvironmentOptions,
): Record<string, string> {
  const expanded = Object.entries(own)
    .map(([name, text]) => [name, expandVariables(text, environment)]);
  return { ...childEnvironment, ...Object.fromEntries(expanded) };
}
