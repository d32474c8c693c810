/** An invalid setting or configuration file. The message names the setting, its value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
