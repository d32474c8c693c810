/** Environment variables in configuration files, which keep secrets out of them. */

import { ConfigError } from "./config_error.ts";

/**
 * Expands `${NAME}` and `${NAME:-default}`.
 *
 * @throws {ConfigError} if a variable is not set and has no default.
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
