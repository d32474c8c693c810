/**
 * Every setting, declared once. Its row yields the type, default and validation of a configuration
 * field, the `--help` text and its line in docs/settings.md.
 */

import { overlaps } from "../domain/message.ts";
import { parseOverlapRule } from "../domain/overlap.ts";
import { parseTimeOfDay } from "../lib/iso_time.ts";
import { limitSettings } from "./limits.ts";
import * as kind from "./setting.ts";
import { assertHeaderValue, parseOrigin } from "./value_forms.ts";
import type { SettingTable, ValuesOf } from "./setting.ts";

const MiB = 1024 * 1024;

/** Where the gateway listens, and who may connect. */
export const accessSettings = {
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
    help: "Secret that adapters must send; required unless the gateway listens on loopback",
  }),
  secretsFile: kind.path("CLARA_SECRETS_CONFIG", {
    flag: "secrets-config",
    fallback: "./secrets.yaml",
    help: "More secrets, with names and scopes (SECURITY.md); the file may be missing",
  }),
  insecure: kind.flag("CLARA_INSECURE", {
    flag: "insecure",
    help: "Listen on a non-loopback address without a secret",
  }),
  allowedOrigins: kind.list("CLARA_ALLOWED_ORIGINS", {
    parseWord: parseOrigin,
    help: "Web origins whose pages may connect, separated by commas",
  }),
};

/** Where data is stored. */
export const storeSettings = {
  dataDir: kind.path("CLARA_DATA_DIR", {
    flag: "data-dir",
    fallback: undefined,
    shown: "$XDG_DATA_HOME/clara-gateway",
    help: "Data folder, which holds the store",
  }),
  storeSync: kind.choice("CLARA_STORE_SYNC", ["full", "normal"], {
    fallback: "full",
    help: "What commits survive: full a power cut, normal (faster) only a crash of the process",
  }),
};

/** Which models answer. */
export const llmSettings = {
  apiKey: kind.text("OPENAI_API_KEY", {
    fallback: undefined,
    secret: true,
    check: assertHeaderValue,
    help: "API key of the model provider",
  }),
  baseUrl: kind.text("OPENAI_BASE_URL", {
    fallback: undefined,
    check: checkUrl,
    help: "Base URL of an OpenAI-compatible API; without key and URL the echo model answers",
  }),
  model: kind.text("CLARA_MODEL", {
    flag: "model",
    fallback: "gpt-4o-mini",
    help: "Default model",
  }),
  modelHigh: kind.text("CLARA_MODEL_HIGH", {
    fallback: undefined,
    shown: "CLARA_MODEL",
    help: "Model of the high tier",
  }),
  modelMid: kind.text("CLARA_MODEL_MID", {
    fallback: undefined,
    shown: "CLARA_MODEL",
    help: "Model of the mid tier, which is the default tier",
  }),
  modelLow: kind.text("CLARA_MODEL_LOW", {
    fallback: undefined,
    shown: "CLARA_MODEL",
    help: "Model of the low tier",
  }),
  fallbacks: kind.list("CLARA_MODEL_FALLBACKS", {
    help: "Models to try when one fails, in this order, separated by commas",
  }),
  modelsFile: kind.path("CLARA_MODELS_CONFIG", {
    flag: "models-config",
    fallback: "./models.yaml",
    help:
      "Providers, models, prices and budgets (docs/models.md); replaces OPENAI_… and CLARA_MODEL…; " +
      "the file may be missing",
  }),
  autoTier: kind.flag("CLARA_AUTO_TIER", {
    help: "Let the low tier choose the tier that answers a message",
  }),
  showReasoning: kind.flag("CLARA_SHOW_REASONING", {
    help: "Show the model's reasoning before its answer, if it returns any",
  }),
  contextTokens: kind.number("CLARA_CONTEXT_TOKENS", {
    fallback: 0,
    shown: "(by model)",
    min: 2_000,
    help: "Size of the context window in tokens, answer included (docs/context.md)",
  }),
  stallMs: kind.seconds("CLARA_LLM_STALL_SECONDS", {
    fallback: 60,
    min: 0.1,
    whole: false,
    help: "Longest silence of a model before its answer is aborted",
  }),
  totalMs: kind.seconds("CLARA_LLM_TOTAL_SECONDS", {
    fallback: 600,
    min: 0.1,
    whole: false,
    help: "Longest time for one answer of a model, retries included",
  }),
};

/** What is remembered about users beyond their sessions. */
export const memorySettings = {
  memory: kind.choice("CLARA_MEMORY", ["auto", "embedded", "mem0", "off"], {
    fallback: "auto",
    help:
      "Where memories are kept (docs/memory.md); auto is mem0 if it is configured, else embedded",
  }),
  memoryBudgetMs: kind.seconds("CLARA_MEMORY_BUDGET_SECONDS", {
    fallback: 1.5,
    min: 0.05,
    whole: false,
    help: "How long a turn waits for its memories",
  }),
  embeddingModel: kind.text("CLARA_EMBEDDING_MODEL", {
    fallback: undefined,
    help: "Embedding model at OPENAI_BASE_URL; lets the embedded memory also search by meaning",
  }),
  mem0ApiKey: kind.text("MEM0_API_KEY", {
    fallback: undefined,
    secret: true,
    check: assertHeaderValue,
    help: "API key of mem0, hosted or self-hosted",
  }),
  mem0BaseUrl: kind.text("MEM0_BASE_URL", {
    fallback: undefined,
    shown: "https://api.mem0.ai",
    check: checkUrl,
    help: "Base URL of mem0",
  }),
  mem0Api: kind.choice("MEM0_API", ["auto", "hosted", "self-hosted"], {
    fallback: "auto",
    help: "Which API mem0 speaks; auto decides by its host",
  }),
  mem0AgentId: kind.text("MEM0_AGENT_ID", {
    fallback: undefined,
    help: "Agent ID, which separates the memories of several agents in one mem0",
  }),
};

/** How conversations run. */
export const conversationSettings = {
  personaFile: kind.path("CLARA_PERSONA_FILE", {
    fallback: undefined,
    help: "File with the system prompt: who the assistant is",
  }),
  sessionIdleMs: kind.seconds("CLARA_SESSION_IDLE_SECONDS", {
    fallback: 86_400,
    min: 1,
    help: "Idle time after which a session ends and its history leaves the context",
  }),
  overlap: kind.choice("CLARA_OVERLAP", overlaps, {
    fallback: "queue",
    help: `What to do with a message that arrives during a turn: ${overlaps.join(", ")}`,
  }),
  overlapRules: kind.list("CLARA_OVERLAP_CHANNELS", {
    help: "The same for single channels: PLATFORM:CHANNEL=MODE, with * as wildcard, " +
      "separated by commas",
    check: (rule) => void parseOverlapRule(rule),
  }),
  collectMs: kind.seconds("CLARA_COLLECT_SECONDS", {
    fallback: 1,
    min: 0,
    max: 600,
    whole: false,
    help: "How long a channel must be quiet before collected messages are answered",
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
    help: 'Answer "yes" when the model ends with "Shall I proceed?"',
  }),
};

/** Tools, hooks and scheduled tasks. */
export const toolSettings = {
  toolTimeoutMs: kind.seconds("CLARA_TOOL_TIMEOUT_SECONDS", {
    fallback: 60,
    min: 0.1,
    whole: false,
    help: "Longest time for one tool call",
  }),
  toolsFile: kind.path("CLARA_TOOLS_CONFIG", {
    flag: "tools-config",
    fallback: "./tools.yaml",
    help: "Who may use which tools (docs/tools.md); the file may be missing",
  }),
  mcpFile: kind.path("CLARA_MCP_CONFIG", {
    flag: "mcp-config",
    fallback: "./mcp.json",
    help: "MCP servers, in the usual mcpServers format; the file may be missing",
  }),
  hooksDir: kind.path("CLARA_HOOKS_DIR", {
    flag: "hooks-dir",
    fallback: "./hooks",
    help: "Folder of hooks.yaml and the plugins (docs/hooks.md); it may be missing",
  }),
  schedulerDir: kind.path("CLARA_SCHEDULER_DIR", {
    flag: "scheduler-dir",
    fallback: ".",
    help: "Folder of scheduler.yaml (docs/scheduler.md); the file may be missing",
  }),
  approvalTimeoutMs: kind.seconds("CLARA_APPROVAL_TIMEOUT_SECONDS", {
    fallback: 120,
    min: 1,
    help: "How long a person has to approve a tool call",
  }),
};

/** Connections, and how the gateway stops. */
export const connectionSettings = {
  heartbeatMs: kind.seconds("CLARA_HEARTBEAT_SECONDS", {
    fallback: 30,
    min: 1,
    help: "Heartbeat interval; a socket that is silent for two intervals is closed",
  }),
  registerTimeoutMs: kind.seconds("CLARA_REGISTER_SECONDS", {
    fallback: 10,
    min: 0.1,
    whole: false,
    help: "Time within which a new socket must register",
  }),
  resumeMs: kind.seconds("CLARA_RESUME_SECONDS", {
    fallback: 300,
    min: 1,
    help: "How long an adapter can resume its session after a lost connection or a restart",
  }),
  drainMs: kind.seconds("CLARA_DRAIN_SECONDS", {
    fallback: 20,
    min: 0,
    whole: false,
    help: "How long running turns may continue after the first stop signal",
  }),
  keepRequestsMs: kind.days("CLARA_KEEP_REQUESTS_DAYS", {
    fallback: 7,
    min: 0.01,
    whole: false,
    help: "How long replies are kept for absent adapters and resent requests",
  }),
};

/** The log and the files of the process. */
export const logSettings = {
  logFile: kind.path("CLARA_LOG_FILE", {
    flag: "logfile",
    fallback: undefined,
    shown: "(start: gateway.log in the data folder; run: none)",
    help: "Log file",
  }),
  pidFile: kind.path("CLARA_PID_FILE", {
    flag: "pidfile",
    fallback: undefined,
    shown: "(gateway.pid in the data folder)",
    help: "PID file, by which status, stop, chat and others find the running gateway",
  }),
  logFileBytes: kind.number("CLARA_MAX_LOG_FILE_BYTES", {
    fallback: 10 * MiB,
    min: 1024,
    help: "Size at which the log file is rotated",
  }),
  logFiles: kind.number("CLARA_MAX_LOG_FILES", {
    fallback: 5,
    min: 1,
    max: 1000,
    help: "Rotated log files that are kept",
  }),
  logLevel: kind.choice("CLARA_LOG_LEVEL", ["debug", "info", "warning", "error"], {
    flag: "log-level",
    fallback: "info",
    help: "Lowest level that is logged: debug, info, warning, error",
  }),
  logFormat: kind.choice("CLARA_LOG_FORMAT", ["pretty", "json"], {
    flag: "log-format",
    fallback: "pretty",
    help: "Log format: pretty or json",
  }),
};

/** The groups of docs/settings.md, in its order. */
export const settingGroups: Readonly<Record<string, SettingTable>> = {
  "Address and access": accessSettings,
  "Store": storeSettings,
  "Models": llmSettings,
  "Memory": memorySettings,
  "Conversations": conversationSettings,
  "Tools, hooks and tasks": toolSettings,
  "Connections and shutdown": connectionSettings,
  "Log and PID file": logSettings,
  "Limits": limitSettings,
};

/** All settings. */
export const settings = {
  ...accessSettings,
  ...storeSettings,
  ...llmSettings,
  ...memorySettings,
  ...conversationSettings,
  ...toolSettings,
  ...connectionSettings,
  ...logSettings,
  ...limitSettings,
};

/** The values of all settings. */
export type Values = ValuesOf<typeof settings>;

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
