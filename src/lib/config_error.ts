/** An invalid setting or configuration file: its message names the setting, the value and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}
