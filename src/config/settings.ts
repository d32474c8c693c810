/**
 * Every setting with its name, default and meaning. The configuration reads them; `--help` and the
 * README's table are made from them.
 */

import { syncModes } from "./config_types.ts";
import { limitSettings } from "./limit_settings.ts";
import { logFormats, logLevels } from "../logging/log_format.ts";
import { parseTimeOfDay } from "../lib/time_of_day.ts";
import * as kind from "./setting.ts";
import { overlaps } from "../domain/message.ts";
import { parseOverlapRule } from "../domain/overlap.ts";
import { maxTimerSeconds } from "../lib/wait.ts";

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
    help: "More secrets, with names and scopes (SECURITY.md); the file may be missing",
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
  storeSync: kind.choice("CLARA_STORE_SYNC", syncModes, {
    fallback: "full",
    help:
      "What an answered message outlives: full a power cut, normal (faster) a crash of the program",
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
  modelFallbacks: kind.list("CLARA_MODEL_FALLBACKS", {
    help: "Models that stand in where one of these fails, with commas between",
  }),
  modelsFile: kind.text("CLARA_MODELS_CONFIG", {
    flag: "models-config",
    fallback: "./models.yaml",
    help:
      "Providers, models, prices and budgets (docs/models.md), in place of the settings above; " +
      "the file may be missing",
  }),
  autoTier: kind.flag("CLARA_AUTO_TIER", {
    help: "Let the low tier decide which tier a message is worth",
  }),
  showReasoning: kind.flag("CLARA_SHOW_REASONING", {
    help: "Show what a model thinks before its answer, where it tells",
  }),
  contextTokens: kind.number("CLARA_CONTEXT_TOKENS", {
    fallback: 0,
    shown: "(by model)",
    min: 2_000,
    help: "Tokens that the model takes, its answer included (docs/context.md)",
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
    help: "Longest time of one answer of a model, with all tries",
  }),
  memory: kind.choice("CLARA_MEMORY", ["auto", "embedded", "mem0", "off"], {
    fallback: "auto",
    help: "Where users are remembered (docs/memory.md); auto is mem0 if it is set, else embedded",
  }),
  memoryBudgetSeconds: kind.number("CLARA_MEMORY_BUDGET_SECONDS", {
    fallback: 1.5,
    min: 0.05,
    max: maxTimerSeconds,
    whole: false,
    help: "How long a turn waits for what is remembered",
  }),
  embeddingModel: kind.text("CLARA_EMBEDDING_MODEL", {
    fallback: undefined,
    help: "Model at OPENAI_BASE_URL with which the embedded memory searches by meaning, too",
  }),
  mem0ApiKey: kind.text("MEM0_API_KEY", {
    fallback: undefined,
    secret: true,
    help: "Key of mem0, hosted or self-hosted",
  }),
  mem0BaseUrl: kind.text("MEM0_BASE_URL", {
    fallback: undefined,
    shown: "https://api.mem0.ai",
    check: checkUrl,
    help: "Where mem0 is",
  }),
  mem0Api: kind.choice("MEM0_API", ["auto", "hosted", "self-hosted"], {
    fallback: "auto",
    help: "Which API of mem0 is spoken; auto goes by the host",
  }),
  mem0AgentId: kind.text("MEM0_AGENT_ID", {
    fallback: undefined,
    help: "Keeps the memories of several agents in one mem0 apart",
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
  sessionResetAt: kind.text("CLARA_SESSION_RESET_AT", {
    fallback: undefined,
    check: parseTimeOfDay,
    help: "Time of day at which all sessions end, such as 04:00",
  }),
  timeZone: kind.text("CLARA_TIME_ZONE", {
    fallback: undefined,
    shown: "(the machine's)",
    check: checkTimeZone,
    help: "Time zone of CLARA_SESSION_RESET_AT, such as Europe/Berlin",
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
    help:
      "How long an adapter that has lost its connection, or the gateway, can take its session up again",
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
  logFile: kind.text("CLARA_LOG_FILE", {
    flag: "logfile",
    fallback: undefined,
    shown: "(start: gateway.log in the data folder; run: none)",
    help: "File that the log is written to",
  }),
  pidFile: kind.text("CLARA_PID_FILE", {
    flag: "pidfile",
    fallback: undefined,
    shown: "(gateway.pid in the data folder)",
    help: "File that tells status, stop, chat… which process runs, and where it listens",
  }),
  ...limitSettings,
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

function checkTimeZone(value: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
  } catch {
    throw new Error("expected an IANA time zone such as Europe/Berlin");
  }
}
