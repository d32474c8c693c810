/**
 * The configuration, read from flags, environment and `.env`, in this order of strength. The only
 * module that looks at the environment.
 */

import { parse as parseDotEnv } from "dotenv";
import { dirname, join } from "node:path";
import { homedir, userInfo } from "node:os";
import type { GatewayConfig, Limits } from "./config_types.ts";
import { ConfigError } from "./errors.ts";
import { parseOverlapRule } from "./router/overlap_rules.ts";
import { readSetting, type Setting } from "./setting.ts";
import { settings } from "./settings.ts";

/** The flags of the command line, by their name without dashes. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

type Values = { [Name in keyof typeof settings]: ReturnType<typeof settings[Name]["parse"]> };

/**
 * Reads the configuration of the gateway.
 *
 * @throws {ConfigError} with the name of the setting, its value and what is allowed.
 */
export function readConfig(flags: Flags): GatewayConfig {
  const dotEnv = readDotEnv();
  const values = readSettings(flags, dotEnv);
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
    toolsFile: values.toolsFile,
    mcpFile: values.mcpFile,
    secretsFile: values.secretsFile,
    hooksDir: values.hooksDir,
    schedulerDir: values.schedulerDir,
    dataDir: values.dataDir ?? defaultDataDir(),
    log: { level: values.logLevel, format: values.logFormat, secrets: secretsOf(values) },
    llm: {
      apiKey: values.apiKey,
      baseUrl: values.baseUrl,
      model: values.model,
      tierModels: { high: values.modelHigh, mid: values.modelMid, low: values.modelLow },
      stallMs: values.llmStallSeconds * 1000,
      totalMs: values.llmTotalSeconds * 1000,
    },
    limits: limitsOf(values),
    overlap: { fallback: values.overlap, rules: values.overlapRules.map(parseOverlapRule) },
    collectMs: values.collectSeconds * 1000,
    sessionIdleMs: values.sessionIdleSeconds * 1000,
    heartbeatMs: values.heartbeatSeconds * 1000,
    resumeMs: values.resumeSeconds * 1000,
    registerTimeoutMs: values.registerSeconds * 1000,
    drainMs: values.drainSeconds * 1000,
    environment: (name) => Deno.env.get(name) ?? dotEnv[name],
    childEnvironment: childEnvironment(),
    approvalTimeoutMs: values.approvalTimeoutSeconds * 1000,
    toolTimeoutMs: values.toolTimeoutSeconds * 1000,
    keepRequestsMs: values.keepRequestsDays * 86_400_000,
  };
}

/** What the log must not show: the secrets, and the password that a URL may carry. */
function secretsOf({ secret, apiKey, baseUrl }: Values): readonly string[] {
  const password = baseUrl === undefined ? "" : new URL(baseUrl).password;
  return [secret, apiKey, password].filter((text): text is string => !!text);
}

/** The limits alone: they are handed far around, and no secret goes with them. */
function limitsOf(values: Values): Limits {
  return {
    frameBytes: values.frameBytes,
    queuedPerChannel: values.queuedPerChannel,
    concurrentTurns: values.concurrentTurns,
    userMessagesPerMinute: values.userMessagesPerMinute,
    adapterMessagesPerMinute: values.adapterMessagesPerMinute,
    connections: values.connections,
    sendBufferBytes: values.sendBufferBytes,
    toolRounds: values.toolRounds,
    toolOutputChars: values.toolOutputChars,
    mcpMessageBytes: values.mcpMessageBytes,
    userFileBytes: values.userFileBytes,
    continuations: values.continuations,
    attempts: values.attempts,
    concurrentHooks: values.concurrentHooks,
    queuedHookEvents: values.queuedHookEvents,
    historyTokens: values.historyTokens,
  };
}

/** What the terminal adapter needs to know. */
export interface ChatConfig {
  /** The gateway's WebSocket. */
  readonly url: string;
  readonly secret?: string;
  readonly userName: string;
}

/** Reads the configuration of the terminal adapter. @throws {ConfigError} as `readConfig`. */
export function readChatConfig(flags: Flags): ChatConfig {
  const dotEnv = readDotEnv();
  const { host, port, secret } = readSettings(flags, dotEnv);
  const name = "CLARA_GATEWAY_URL";
  const url = flags.url ? String(flags.url) : Deno.env.get(name) || dotEnv[name];
  if (url && !/^wss?:\/\//.test(url)) {
    throw new ConfigError(`Cannot use --url=${JSON.stringify(url)}: expected ws://… or wss://…`);
  }
  const address = host.includes(":") ? `[${host}]` : host;
  return { url: url || `ws://${address}:${port}/ws`, secret, userName: userName() };
}

function readSettings(flags: Flags, dotEnv: Readonly<Record<string, string>>): Values {
  const read = (setting: Setting<unknown>) =>
    readSetting(setting, [
      { from: `--${setting.flag}`, value: setting.flag && flags[setting.flag]?.toString() },
      { from: setting.env, value: Deno.env.get(setting.env) },
      { from: `${setting.env} (in .env)`, value: dotEnv[setting.env] },
    ]);
  return Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [name, read(setting as Setting<unknown>)]),
  ) as Values;
}

/** The `.env` of the working folder, or the one beside the compiled program. */
function readDotEnv(): Readonly<Record<string, string>> {
  const beside = Deno.build.standalone ? [join(dirname(Deno.execPath()), ".env")] : [];
  for (const path of [".env", ...beside]) {
    try {
      return parseDotEnv(Deno.readTextFileSync(path));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw new ConfigError(`Cannot read "${path}": ${(error as Error).message}`);
    }
  }
  return {};
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
