/**
 * Every setting with its name, default and meaning. The configuration reads them; `--help` and the
 * README's table are made from them.
 */

import { logFormats, logLevels } from "./log.ts";
import * as kind from "./setting.ts";
import { overlaps } from "./protocol/message.ts";
import { parseOverlapRule } from "./router/overlap_rules.ts";
import { maxTimerSeconds } from "./wait.ts";

const MiB = 1024 * 1024;

/** All settings, by the name that the program has for them. */
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
  secretsFile: kind.text("CLARA_SECRETS_CONFIG", {
    flag: "secrets-config",
    fallback: "./secrets.yaml",
    help: "More secrets, with names and scopes (docs/security.md); the file may be missing",
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
  overlap: kind.choice("CLARA_OVERLAP", overlaps, {
    fallback: "queue",
    help: `What a message does that meets a running turn in its channel: ${overlaps.join(", ")}`,
  }),
  overlapRules: kind.list("CLARA_OVERLAP_CHANNELS", {
    help: "The same for some channels: PLATFORM:CHANNEL=MODE, * for any characters, commas between",
    check: (rule) => void parseOverlapRule(rule),
  }),
  collectSeconds: kind.number("CLARA_COLLECT_SECONDS", {
    fallback: 1,
    min: 0,
    max: 600,
    whole: false,
    help: "How long a channel must be quiet before what it collects is answered",
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
  toolsFile: kind.text("CLARA_TOOLS_CONFIG", {
    flag: "tools-config",
    fallback: "./tools.yaml",
    help: "Which tools are offered to whom (docs/tools.md); the file may be missing",
  }),
  mcpFile: kind.text("CLARA_MCP_CONFIG", {
    flag: "mcp-config",
    fallback: "./mcp.json",
    help: "MCP servers, in the usual mcpServers format; the file may be missing",
  }),
  hooksDir: kind.text("CLARA_HOOKS_DIR", {
    flag: "hooks-dir",
    fallback: "./hooks",
    help: "Folder of hooks.yaml and of plugins (docs/hooks.md); it may be missing",
  }),
  schedulerDir: kind.text("CLARA_SCHEDULER_DIR", {
    flag: "scheduler-dir",
    fallback: ".",
    help: "Folder of scheduler.yaml (docs/scheduler.md), which may be missing",
  }),
  approvalTimeoutSeconds: kind.number("CLARA_APPROVAL_TIMEOUT_SECONDS", {
    fallback: 120,
    min: 1,
    max: maxTimerSeconds,
    help: "How long a person may think about a tool call that needs approval",
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
  resumeSeconds: kind.number("CLARA_RESUME_SECONDS", {
    fallback: 300,
    min: 1,
    max: maxTimerSeconds,
    help: "How long an adapter that has lost its connection can take its session up again",
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
  userMessagesPerMinute: kind.number("CLARA_MAX_USER_MESSAGES_PER_MINUTE", {
    fallback: 300,
    min: 1,
    help: "Messages of one user in a minute; more get rate_limited",
  }),
  adapterMessagesPerMinute: kind.number("CLARA_MAX_ADAPTER_MESSAGES_PER_MINUTE", {
    fallback: 60_000,
    min: 1,
    help: "Messages of one adapter in a minute; more get rate_limited",
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
  mcpMessageBytes: kind.number("CLARA_MAX_MCP_MESSAGE_BYTES", {
    fallback: 8 * MiB,
    min: 1024,
    help: "Largest message of an MCP server; one that sends more is restarted",
  }),
  userFileBytes: kind.number("CLARA_MAX_USER_FILE_BYTES", {
    fallback: 100 * MiB,
    min: 1024,
    help: "Bytes of files that one user may keep",
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
  concurrentHooks: kind.number("CLARA_MAX_CONCURRENT_HOOKS", {
    fallback: 4,
    min: 1,
    help: "Commands of hooks that may run at once",
  }),
  queuedHookEvents: kind.number("CLARA_MAX_QUEUED_HOOK_EVENTS", {
    fallback: 1000,
    min: 1,
    help: "Events that may wait for one hook; more are dropped, and counted",
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

function checkUrl(value: string): void {
  if (!URL.canParse(value) || !/^https?:/.test(value)) {
    throw new Error("expected an http:// or https:// URL");
  }
}
