/**
 * Reads the configuration from flags, the environment and `.env`, in this order of precedence. The only
 * module that reads settings from the environment.
 */

import { parse as parseDotEnv } from "dotenv";
import { dirname, join, resolve } from "node:path";
import { homedir, userInfo } from "node:os";
import { ConfigError } from "../lib/config_error.ts";
import type { Supervision } from "../platform/service_manager.ts";
import { type GatewayConfig, toGatewayConfig } from "./gateway_config.ts";
import { readTextFileSync } from "../lib/files.ts";
import { type Found, readSetting, type Setting } from "./setting.ts";
import { isServiceLink, quoteHashes } from "./value_forms.ts";
import { settings, type Values } from "./settings.ts";

/** The flags of the command line, by their name without dashes. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** Files and folders that must exist if they are set; only the default may be missing. */
const mustExist = ["modelsFile", "toolsFile", "secretsFile", "hooksDir", "schedulerDir"] as const;

/**
 * Reads the configuration of the gateway.
 *
 * @throws {ConfigError} with a line for each invalid setting: its name, its value and what is allowed.
 */
export function readConfig(flags: Flags): GatewayConfig {
  const sources = readConfigSources(flags);
  const values = readSettings(sources, Object.keys(settings) as (keyof Values)[]);
  for (const name of mustExist) assertExists(settings[name], values[name]);
  const dataDir = values.dataDir ?? defaultDataDir();
  return toGatewayConfig({ ...values, dataDir }, {
    environment: (name) => Deno.env.get(name) ?? sources.dotEnv[name],
    childEnvironment: childEnvironment(),
  });
}

/** The configuration of the terminal adapter. */
export interface ChatConfig {
  /** URL of the gateway's WebSocket. */
  readonly url: string;
  /** Whether the URL was given, as opposed to derived from the gateway's own settings. */
  readonly named: boolean;
  /** The data folder, if one was given: then the gateway of that folder is meant, and no other. */
  readonly dataDir?: string;
  readonly secret?: string;
  readonly userName: string;
}

/** Reads the configuration of the terminal adapter. @throws {ConfigError} as `readConfig`. */
export function readChatConfig(flags: Flags): ChatConfig {
  const sources = readConfigSources(flags);
  const { host, port, secret, dataDir } = readSettings(sources, [
    "host",
    "port",
    "secret",
    "dataDir",
  ]);
  const name = "CLARA_GATEWAY_URL";
  const url = flags.url ? String(flags.url) : Deno.env.get(name) || sources.dotEnv[name];
  if (url && !/^wss?:\/\//.test(url)) {
    throw new ConfigError(`Cannot use --url=${JSON.stringify(url)}: expected ws://… or wss://…`);
  }
  return {
    url: url || `ws://${addressOf(host, port)}/ws`,
    named: Boolean(url || flags.host || flags.port),
    secret,
    dataDir,
    userName: userName(),
  };
}

/** What commands need to find, start and stop a gateway. */
export interface DaemonConfig {
  readonly dataDir: string;
  readonly pidFile: string;
  /** The log of a gateway in the background, unless its PID file names another. */
  readonly logFile: string;
  /** The configured address, such as `127.0.0.1:18789`. */
  readonly address: string;
  readonly drainMs: number;
}

/**
 * Reads only what is needed to find a gateway: other invalid settings must not prevent a stop.
 *
 * @throws {ConfigError} as `readConfig`; with `lenient` the default replaces an invalid value.
 */
export function readDaemonConfig(
  flags: Flags,
  { lenient = false }: { readonly lenient?: boolean } = {},
): DaemonConfig {
  const names = ["host", "port", "dataDir", "pidFile", "logFile", "drainMs"] as const;
  const values = readSettings(readConfigSources(flags), names, { lenient });
  const dataDir = resolve(values.dataDir ?? defaultDataDir());
  return {
    dataDir,
    pidFile: resolve(values.pidFile ?? join(dataDir, "gateway.pid")),
    logFile: resolve(values.logFile ?? join(dataDir, "gateway.log")),
    address: addressOf(values.host, values.port),
    drainMs: values.drainMs,
  };
}

/** Reads the path of the data folder. @throws {ConfigError} as `readConfig`. */
export function readDataDir(flags: Flags): string {
  const { dataDir } = readSettings(readConfigSources(flags), ["dataDir"]);
  return dataDir ?? defaultDataDir();
}

/** Reads what systemd passes to its services. A watchdog meant for another process is ignored. */
export function readSupervision(): Supervision {
  const notifySocket = Deno.env.get("NOTIFY_SOCKET") || undefined;
  const microseconds = Number(Deno.env.get("WATCHDOG_USEC"));
  const pid = Deno.env.get("WATCHDOG_PID");
  const ours = microseconds > 0 && (!pid || Number(pid) === Deno.pid);
  return { notifySocket, ...(ours && { watchdogMs: microseconds / 1000 }) };
}

/** The folders in which systemd looks for units of the user and of the machine. */
export function readUnitFolders(): { readonly user: string; readonly system: string } {
  const base = Deno.env.get("XDG_CONFIG_HOME") || join(homedir(), ".config");
  return { user: join(base, "systemd", "user"), system: "/etc/systemd/system" };
}

function addressOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Everything that the configuration is read from. */
export interface ConfigSources {
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string>>;
  readonly dotEnv: Readonly<Record<string, string>>;
  /** The path of the `.env` file, if there is one. */
  readonly dotEnvPath?: string;
}

/** Collects the sources. @throws {ConfigError} if there is a `.env` file that cannot be read. */
export function readConfigSources(flags: Flags): ConfigSources {
  return { flags, env: Deno.env.toObject(), ...readDotEnv() };
}

/** What each source says about a setting, the one that overrides the others first. */
export function findSetting(setting: Setting<unknown>, sources: ConfigSources): Found[] {
  const { flags, env, dotEnv } = sources;
  return [
    ...(setting.flag
      ? [{ from: `--${setting.flag}`, value: flags[setting.flag]?.toString() }]
      : []),
    { from: setting.env, value: ownValue(env[setting.env]) },
    { from: `${setting.env} (in .env)`, value: dotEnv[setting.env] },
  ];
}

function ownValue(value: string | undefined): string | undefined {
  return value !== undefined && isServiceLink(value) ? undefined : value;
}

/** Reads these settings. @throws {ConfigError} with a line for each that is invalid. */
function readSettings<Name extends keyof Values>(
  sources: ConfigSources,
  names: readonly Name[],
  { lenient = false }: { readonly lenient?: boolean } = {},
): Pick<Values, Name> {
  const readings = names.map((name) => {
    const setting = settings[name] as Setting<unknown>;
    return [name, readSetting(setting, findSetting(setting, sources))] as const;
  });
  const errors = readings.map(([, { error }]) => error).filter((error) => error !== undefined);
  if (errors.length > 0 && !lenient) throw new ConfigError(errors.join("\n"));
  return Object.fromEntries(
    readings.map(([name, { value }]) => [name, value]),
  ) as Pick<Values, Name>;
}

/** Reads the `.env` of the working folder, or the one next to the compiled program. */
function readDotEnv(): Pick<ConfigSources, "dotEnv" | "dotEnvPath"> {
  const nextToProgram = Deno.build.standalone ? [join(dirname(Deno.execPath()), ".env")] : [];
  for (const path of [".env", ...nextToProgram]) {
    const text = readTextFileSync(path);
    if (text !== undefined) {
      return { dotEnv: parseDotEnv(quoteHashes(text)), dotEnvPath: resolve(path) };
    }
  }
  return { dotEnv: {} };
}

/** Variables that child processes inherit; the MCP SDKs pass on the same. */
const inherited = [
  "HOME",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_CTYPE",
  "LC_MESSAGES",
  "LC_NUMERIC",
  "LC_TIME",
  "LOGNAME",
  "PATH",
  "SHELL",
  "TERM",
  "TMPDIR",
  "TZ",
  "USER",
  "APPDATA",
  "LOCALAPPDATA",
  "PATHEXT",
  "SYSTEMDRIVE",
  "SYSTEMROOT",
  "TEMP",
  "USERPROFILE",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
];

function childEnvironment(): Record<string, string> {
  const pairs = inherited.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(
    pairs.filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

function defaultDataDir(): string {
  const base = Deno.env.get("XDG_DATA_HOME") || join(homedir(), ".local", "share");
  return join(base, "clara-gateway");
}

function userName(): string {
  const name = Deno.env.get("USER") ?? Deno.env.get("USERNAME");
  if (name) return name;
  try {
    return userInfo().username;
  } catch {
    return "me";
  }
}

/**
 * A file that was set must exist: without its tool policy everything would be allowed, and without its
 * folder no hook would run.
 */
function assertExists(setting: Setting<string>, path: string): void {
  if (path === setting.fallback) return;
  try {
    Deno.statSync(path);
  } catch (error) {
    throw new ConfigError(
      `Cannot use ${setting.env}=${JSON.stringify(path)}: ${(error as Error).message}`,
    );
  }
}
