/**
 * The configuration: every setting with its name, default and meaning, read from flags, environment
 * and `.env`, in this order of strength. The only module that looks at the environment.
 */

import { parse as parseDotEnv } from "dotenv";
import { dirname, join } from "node:path";
import { homedir, userInfo } from "node:os";
import type { GatewayConfig, Limits } from "./config_types.ts";
import { ConfigError } from "./errors.ts";
import { logFormats, logLevels } from "./log.ts";
import * as kind from "./setting.ts";
import type { Setting } from "./setting.ts";

const MiB = 1024 * 1024;
/** What a timer can wait: 2^31 - 1 milliseconds; a longer one would fire at once. */
const maxTimerSeconds = 2_147_483;

/** Every setting of the gateway. `--help` and the README's table are made from it. */
export const settings = {
  host: kind.text("CLARA_GATEWAY_HOST", {
    flag: "host",
    fallback: "127.0.0.1",
    help: "Address to listen on",
  }),
  port: kind.number("CLARA_GATEWAY_PORT", {
    flag: "port",
    fallback: 18789,
    min: 0,
    max: 65535,
    help: "Port to listen on; 0 picks a free one",
  }),
  secret: kind.text("CLARA_GATEWAY_SECRET", {
    fallback: undefined,
    secret: true,
    help: "What adapters must know; needed on any address but loopback",
  }),
  insecure: kind.flag("CLARA_INSECURE", {
    flag: "insecure",
    help: "Listen on a non-loopback address without a secret",
  }),
  allowedOrigins: kind.list("CLARA_ALLOWED_ORIGINS", {
    help: "Web origins whose pages may connect, with commas between",
  }),
  dataDir: kind.text("CLARA_DATA_DIR", {
    flag: "data-dir",
    fallback: undefined,
    shown: "$XDG_DATA_HOME/clara-gateway",
    help: "Folder of the store",
  }),
  apiKey: kind.text("OPENAI_API_KEY", {
    fallback: undefined,
    secret: true,
    help: "Key of the model's provider",
  }),
  baseUrl: kind.text("OPENAI_BASE_URL", {
    fallback: undefined,
    check: checkUrl,
    help: "Base URL of any OpenAI-compatible API; with neither key nor URL the echo model answers",
  }),
  model: kind.text("CLARA_MODEL", { flag: "model", fallback: "gpt-4o-mini", help: "Model to use" }),
  modelHigh: kind.text("CLARA_MODEL_HIGH", {
    fallback: undefined,
    shown: "CLARA_MODEL",
    help: "Model of the tier high",
  }),
  modelMid: kind.text("CLARA_MODEL_MID", {
    fallback: undefined,
    shown: "CLARA_MODEL",
    help: "Model of the tier mid, the usual one",
  }),
  modelLow: kind.text("CLARA_MODEL_LOW", {
    fallback: undefined,
    shown: "CLARA_MODEL",
    help: "Model of the tier low",
  }),
  llmStallSeconds: kind.number("CLARA_LLM_STALL_SECONDS", {
    fallback: 60,
    min: 0.1,
    max: maxTimerSeconds,
    whole: false,
    help: "Longest silence of a model before its answer is given up",
  }),
  llmTotalSeconds: kind.number("CLARA_LLM_TOTAL_SECONDS", {
    fallback: 600,
    min: 0.1,
    max: maxTimerSeconds,
    whole: false,
    help: "Longest time of one answer of a model",
  }),
  personaFile: kind.text("CLARA_PERSONA_FILE", {
    fallback: undefined,
    help: "File with who the assistant is (the system prompt)",
  }),
  sessionIdleSeconds: kind.number("CLARA_SESSION_IDLE_SECONDS", {
    fallback: 86_400,
    min: 1,
    max: maxTimerSeconds,
    help: "Idle time after which a session ends and its history leaves the context",
  }),
  autoProceed: kind.flag("CLARA_AUTO_PROCEED", {
    help: 'Answer a trailing "Shall I proceed?" of the model with yes',
  }),
  toolTimeoutSeconds: kind.number("CLARA_TOOL_TIMEOUT_SECONDS", {
    fallback: 60,
    min: 0.1,
    max: maxTimerSeconds,
    whole: false,
    help: "Longest time of one tool call",
  }),
  heartbeatSeconds: kind.number("CLARA_HEARTBEAT_SECONDS", {
    fallback: 30,
    min: 1,
    max: maxTimerSeconds,
    help: "A socket that is silent for twice as long is closed",
  }),
  registerSeconds: kind.number("CLARA_REGISTER_SECONDS", {
    fallback: 10,
    min: 0.1,
    max: maxTimerSeconds,
    whole: false,
    help: "Time within which a new socket must register",
  }),
  drainSeconds: kind.number("CLARA_DRAIN_SECONDS", {
    fallback: 20,
    min: 0,
    max: maxTimerSeconds,
    whole: false,
    help: "How long running turns may go on after the first stop signal",
  }),
  keepRequestsDays: kind.number("CLARA_KEEP_REQUESTS_DAYS", {
    fallback: 7,
    min: 0.01,
    whole: false,
    help: "How long replies are kept for absent adapters and repeated requests",
  }),
  frameBytes: kind.number("CLARA_MAX_FRAME_BYTES", {
    fallback: 16 * MiB,
    min: 1024,
    max: 64 * MiB,
    help: "Largest frame that an adapter may send",
  }),
  queuedPerChannel: kind.number("CLARA_MAX_QUEUED_PER_CHANNEL", {
    fallback: 100,
    min: 1,
    help: "Messages that may wait in one channel",
  }),
  concurrentTurns: kind.number("CLARA_MAX_CONCURRENT_TURNS", {
    fallback: 100,
    min: 1,
    help: "Turns that may run at once, over all channels",
  }),
  connections: kind.number("CLARA_MAX_CONNECTIONS", {
    fallback: 10_000,
    min: 1,
    help: "Sockets that may be open at once",
  }),
  sendBufferBytes: kind.number("CLARA_MAX_SEND_BUFFER_BYTES", {
    fallback: 32 * MiB,
    min: 64 * 1024,
    help: "Unsent bytes past which a slow reader's socket is cut (its replies are kept)",
  }),
  toolRounds: kind.number("CLARA_MAX_TOOL_ROUNDS", {
    fallback: 75,
    min: 1,
    help: "Rounds of tool calls in one turn",
  }),
  toolOutputChars: kind.number("CLARA_MAX_TOOL_OUTPUT_CHARS", {
    fallback: 50_000,
    min: 100,
    help: "Characters of a tool's result that the model gets",
  }),
  continuations: kind.number("CLARA_MAX_CONTINUATIONS", {
    fallback: 5,
    min: 0,
    help: "Times a reply that was cut for its length is continued",
  }),
  attempts: kind.number("CLARA_MAX_ATTEMPTS", {
    fallback: 3,
    min: 1,
    help: "Times a message is tried that ends the process",
  }),
  historyTokens: kind.number("CLARA_MAX_HISTORY_TOKENS", {
    fallback: 16_000,
    min: 0,
    help: "Tokens of history in a request to the model (estimated)",
  }),
  logLevel: kind.choice("CLARA_LOG_LEVEL", logLevels, {
    flag: "log-level",
    fallback: "info",
    help: `Least important lines to log: ${logLevels.join(", ")}`,
  }),
  logFormat: kind.choice("CLARA_LOG_FORMAT", logFormats, {
    flag: "log-format",
    fallback: "pretty",
    help: `How lines are logged: ${logFormats.join(" or ")}`,
  }),
} as const;

/** The flags of the command line, by their name without dashes. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

type Values = { [Name in keyof typeof settings]: ReturnType<typeof settings[Name]["parse"]> };

/**
 * Reads the configuration of the gateway.
 *
 * @throws {ConfigError} with the name of the setting, its value and what is allowed.
 */
export function readConfig(flags: Flags): GatewayConfig {
  const values = readSettings(flags);
  const { host, port, secret, insecure, allowedOrigins, personaFile, autoProceed } = values;
  return {
    host,
    port,
    secret,
    insecure,
    allowedOrigins,
    personaFile,
    autoProceed,
    dataDir: values.dataDir ?? defaultDataDir(),
    log: { level: values.logLevel, format: values.logFormat },
    llm: {
      apiKey: values.apiKey,
      baseUrl: values.baseUrl,
      model: values.model,
      tierModels: { high: values.modelHigh, mid: values.modelMid, low: values.modelLow },
      stallMs: values.llmStallSeconds * 1000,
      totalMs: values.llmTotalSeconds * 1000,
    },
    limits: limitsOf(values),
    sessionIdleMs: values.sessionIdleSeconds * 1000,
    heartbeatMs: values.heartbeatSeconds * 1000,
    registerTimeoutMs: values.registerSeconds * 1000,
    drainMs: values.drainSeconds * 1000,
    toolTimeoutMs: values.toolTimeoutSeconds * 1000,
    keepRequestsMs: values.keepRequestsDays * 86_400_000,
  };
}

/** The limits alone: they are handed far around, and no secret goes with them. */
function limitsOf(values: Values): Limits {
  return {
    frameBytes: values.frameBytes,
    queuedPerChannel: values.queuedPerChannel,
    concurrentTurns: values.concurrentTurns,
    connections: values.connections,
    sendBufferBytes: values.sendBufferBytes,
    toolRounds: values.toolRounds,
    toolOutputChars: values.toolOutputChars,
    continuations: values.continuations,
    attempts: values.attempts,
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
  const { host, port, secret } = readSettings(flags);
  const name = "CLARA_GATEWAY_URL";
  const url = flags.url ? String(flags.url) : Deno.env.get(name) || readDotEnv()[name];
  if (url && !/^wss?:\/\//.test(url)) {
    throw new ConfigError(`Cannot use --url=${JSON.stringify(url)}: expected ws://… or wss://…`);
  }
  const address = host.includes(":") ? `[${host}]` : host;
  return { url: url || `ws://${address}:${port}/ws`, secret, userName: userName() };
}

function readSettings(flags: Flags): Values {
  const dotEnv = readDotEnv();
  const read = (setting: Setting<unknown>) =>
    kind.readSetting(setting, [
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

function checkUrl(value: string): void {
  if (!URL.canParse(value) || !/^https?:/.test(value)) {
    throw new Error("expected an http:// or https:// URL");
  }
}
