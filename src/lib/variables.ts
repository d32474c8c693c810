/**
 * Values of the environment within the operator's files, so that keys need not stand in them. Used by
 * the MCP servers' file and by hooks.
 */

import { ConfigError } from "./config_error.ts";

/**
 * Puts the environment's values in place of `${NAME}` and `${NAME:-default}`.
 *
 * @throws {ConfigError} where a name is not set and has no default.
 */
export function expandVariables(
  text: string,
  environment: (name: string) => string | undefined,
): string {
  return text.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, fallback: string | undefined) => {
      const value = environment(name) ?? fallback;
      if (value === undefined) {
        throw new ConfigError(`the environment variable ${name} is not set`);
      }
      return value;
    },
  );
}
