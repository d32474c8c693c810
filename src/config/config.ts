/**
 * The configuration, read from flags, environment and `.env`, in this order of strength. The only
 * module that reads settings from the environment.
 */

import { parse as parseDotEnv } from "dotenv";
import { dirname, join, resolve } from "node:path";
import { homedir, userInfo } from "node:os";
import type { GatewayConfig } from "./config_types.ts";
import { ConfigError } from "../lib/config_error.ts";
import { parseOverlapRule } from "../domain/overlap.ts";
import { type Found, readSetting, type Setting } from "./setting.ts";
import { limitsOf, memoryOf, secretsOf, type Values } from "./config_values.ts";
import { settings } from "./settings.ts";
import type { Supervision } from "../platform/service_manager.ts";

/** The flags of the command line, by their name without dashes. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Reads the configuration of the gateway.
 *
 * @throws {ConfigError} with the name of the setting, its value and what is allowed.
 */
export function readConfig(flags: Flags): GatewayConfig {
  const surroundings = readConfigSources(flags);
  const values = readSettings(surroundings, Object.keys(settings) as (keyof Values)[]);
  refuseMissing(settings.modelsFile, values.modelsFile);
  refuseMissing(settings.toolsFile, values.toolsFile);
  refuseMissing(settings.secretsFile, values.secretsFile);
  refuseMissing(settings.hooksDir, values.hooksDir);
  refuseMissing(settings.schedulerDir, values.schedulerDir);
  const { host, port, secret, insecure, allowedOrigins, personaFile, autoProceed } = values;
  return {
    host,
    port,
    secret,
    insecure,
    allowedOrigins,
    personaFile,
    autoProceed,
    modelsFile: values.modelsFile,
    toolsFile: values.toolsFile,
    mcpFile: values.mcpFile,
    secretsFile: values.secretsFile,
    hooksDir: values.hooksDir,
    schedulerDir: values.schedulerDir,
    dataDir: values.dataDir ?? defaultDataDir(),
    storeSync: values.storeSync,
    log: {
      level: values.logLevel,
      format: values.logFormat,
      secrets: secretsOf(values),
      ...(values.logFile && {
        file: {
          path: resolve(values.logFile),
          maxBytes: values.logFileBytes,
          keep: values.logFiles,
        },
      }),
    },
    llm: {
      apiKey: values.apiKey,
      baseUrl: values.baseUrl,
      model: values.model,
      tierModels: { high: values.modelHigh, mid: values.modelMid, low: values.modelLow },
      fallbacks: values.modelFallbacks,
      showReasoning: values.showReasoning,
      autoTier: values.autoTier,
      contextTokens: values.contextTokens || undefined,
      stallMs: values.llmStallSeconds * 1000,
      totalMs: values.llmTotalSeconds * 1000,
    },
    memory: memoryOf(values),
    limits: limitsOf(values),
    overlap: { fallback: values.overlap, rules: values.overlapRules.map(parseOverlapRule) },
    collectMs: values.collectSeconds * 1000,
    sessionResetAt: values.sessionResetAt,
    timeZone: values.timeZone,
    sessionIdleMs: values.sessionIdleSeconds * 1000,
    heartbeatMs: values.heartbeatSeconds * 1000,
    resumeMs: values.resumeSeconds * 1000,
    registerTimeoutMs: values.registerSeconds * 1000,
    drainMs: values.drainSeconds * 1000,
    environment: (name) => Deno.env.get(name) ?? surroundings.dotEnv[name],
    childEnvironment: childEnvironment(),
    approvalTimeoutMs: values.approvalTimeoutSeconds * 1000,
    toolTimeoutMs: values.toolTimeoutSeconds * 1000,
    keepRequestsMs: values.keepRequestsDays * 86_400_000,
  };
}

/** What the terminal adapter needs to know. */
export interface ChatConfig {
  /** The gateway's WebSocket. */
  readonly url: string;
  /** Whether that was said, not only what the gateway's settings would be. */
  readonly named: boolean;
  readonly secret?: string;
  readonly userName: string;
}

/** Reads the configuration of the terminal adapter. @throws {ConfigError} as `readConfig`. */
export function readChatConfig(flags: Flags): ChatConfig {
  const surroundings = readConfigSources(flags);
  const { host, port, secret } = readSettings(surroundings, ["host", "port", "secret"]);
  const name = "CLARA_GATEWAY_URL";
  const url = flags.url ? String(flags.url) : Deno.env.get(name) || surroundings.dotEnv[name];
  if (url && !/^wss?:\/\//.test(url)) {
    throw new ConfigError(`Cannot use --url=${JSON.stringify(url)}: expected ws://… or wss://…`);
  }
  return {
    url: url || `ws://${addressOf(host, port)}/ws`,
    named: Boolean(url || flags.host || flags.port),
    secret,
    userName: userName(),
  };
}

/** What the commands need to know that look for a gateway, start it and stop it. */
export interface DaemonConfig {
  readonly dataDir: string;
  readonly pidFile: string;
  /** Of a gateway in the background, unless its pid file says otherwise. */
  readonly logFile: string;
  /** Where it should listen, such as `127.0.0.1:18789`. */
  readonly address: string;
  readonly drainMs: number;
}

/**
 * Reads only what is needed to find a gateway: other wrong settings must not keep one from a stop.
 *
 * @throws {ConfigError} as `readConfig`; with `lenient` the default stands in for what is wrong.
 */
export function readDaemonConfig(
  flags: Flags,
  { lenient = false }: { readonly lenient?: boolean } = {},
): DaemonConfig {
  const names = ["host", "port", "dataDir", "pidFile", "logFile", "drainSeconds"] as const;
  const values = readSettings(readConfigSources(flags), names, { lenient });
  const dataDir = resolve(values.dataDir ?? defaultDataDir());
  return {
    dataDir,
    pidFile: resolve(values.pidFile ?? join(dataDir, "gateway.pid")),
    logFile: resolve(values.logFile ?? join(dataDir, "gateway.log")),
    address: addressOf(values.host, values.port),
    drainMs: values.drainSeconds * 1000,
  };
}

/** Reads where the store is. @throws {ConfigError} as `readConfig`. */
export function readDataDir(flags: Flags): string {
  const { dataDir } = readSettings(readConfigSources(flags), ["dataDir"]);
  return dataDir ?? defaultDataDir();
}

/** Reads what systemd tells its services; a watchdog that is meant for another process is none. */
export function readSupervision(): Supervision {
  const notifySocket = Deno.env.get("NOTIFY_SOCKET") || undefined;
  const microseconds = Number(Deno.env.get("WATCHDOG_USEC"));
  const pid = Deno.env.get("WATCHDOG_PID");
  const ours = microseconds > 0 && (!pid || Number(pid) === Deno.pid);
  return { notifySocket, ...(ours && { watchdogMs: microseconds / 1000 }) };
}

/** Where systemd looks for units: those of the user and those of the machine. */
export function readUnitFolders(): { readonly user: string; readonly system: string } {
  const base = Deno.env.get("XDG_CONFIG_HOME") || join(homedir(), ".config");
  return { user: join(base, "systemd", "user"), system: "/etc/systemd/system" };
}

function addressOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** All that the configuration is read from. */
export interface ConfigSources {
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string>>;
  readonly dotEnv: Readonly<Record<string, string>>;
  /** The `.env` file that was found. */
  readonly dotEnvPath?: string;
}

/** @throws {ConfigError} when there is a `.env` file that cannot be read. */
export function readConfigSources(flags: Flags): ConfigSources {
  return { flags, env: Deno.env.toObject(), ...readDotEnv() };
}

/** What the surroundings say about a setting, the strongest first. */
export function findSetting(setting: Setting<unknown>, surroundings: ConfigSources): Found[] {
  const { flags, env, dotEnv } = surroundings;
  return [
    ...(setting.flag
      ? [{ from: `--${setting.flag}`, value: flags[setting.flag]?.toString() }]
      : []),
    { from: setting.env, value: env[setting.env] },
    { from: `${setting.env} (in .env)`, value: dotEnv[setting.env] },
  ];
}

/** Reads these settings. @throws {ConfigError} with a line for each that is wrong. */
function readSettings<Name extends keyof Values>(
  surroundings: ConfigSources,
  names: readonly Name[],
  { lenient = false }: { readonly lenient?: boolean } = {},
): Pick<Values, Name> {
  const readings = names.map((name) => {
    const setting = settings[name] as Setting<unknown>;
    return [name, readSetting(setting, findSetting(setting, surroundings))] as const;
  });
  const errors = readings.map(([, { error }]) => error).filter((error) => error !== undefined);
  if (errors.length > 0 && !lenient) throw new ConfigError(errors.join("\n"));
  return Object.fromEntries(
    readings.map(([name, { value }]) => [name, value]),
  ) as Pick<Values, Name>;
}

/** The `.env` of the working folder, or the one beside the compiled program. */
function readDotEnv(): Pick<ConfigSources, "dotEnv" | "dotEnvPath"> {
  const beside = Deno.build.standalone ? [join(dirname(Deno.execPath()), ".env")] : [];
  for (const path of [".env", ...beside]) {
    try {
      return { dotEnv: parseDotEnv(Deno.readTextFileSync(path)), dotEnvPath: resolve(path) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw new ConfigError(`Cannot read "${path}": ${(error as Error).message}`);
    }
  }
  return { dotEnv: {} };
}

/** What programs need to find themselves; the MCP specification's SDKs pass on the same. */
const inherited = [
  "HOME",
  "LANG",
  "LOGNAME",
  "PATH",
  "SHELL",
  "TERM",
  "TMPDIR",
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
 * What somebody has named must be there: without its file of rules everything would be allowed that it
 * forbids, and without its folder no hook would run. Only the default place may be missing.
 */
function refuseMissing(setting: Setting<string>, path: string): void {
  if (path === setting.fallback) return;
  try {
    Deno.statSync(path);
  } catch (error) {
    throw new ConfigError(
      `Cannot use ${setting.env}=${JSON.stringify(path)}: ${(error as Error).message}`,
    );
  }
}
