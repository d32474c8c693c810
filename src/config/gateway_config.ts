/** The configuration of a gateway, made from the values of its settings. Pure. */

import { resolve } from "node:path";
import type { Tier } from "../domain/message.ts";
import { type OverlapRule, parseOverlapRule } from "../domain/overlap.ts";
import { ConfigError } from "../lib/config_error.ts";
import type { LogOptions } from "../logging/log.ts";
import { secretsOfUrl } from "../logging/redaction.ts";
import { type Limits, limitSettings } from "./limits.ts";
import type { SettingTable, ValuesOf } from "./setting.ts";
import {
  accessSettings,
  connectionSettings,
  conversationSettings,
  llmSettings,
  settings,
  toolSettings,
  type Values,
} from "./settings.ts";

/** What a commit survives: `full` a power cut, `normal` the end of the process. */
export type SyncMode = Values["storeSync"];

/** How the gateway reaches its models. Without key and base URL the echo model answers. */
export interface LlmConfig extends
  Omit<
    ValuesOf<typeof llmSettings>,
    "modelsFile" | "modelHigh" | "modelMid" | "modelLow" | "contextTokens"
  > {
  /** The models of the tiers; a tier without one uses `model`. */
  readonly tierModels: Partial<Readonly<Record<Tier, string>>>;
  /** Context window of every model in tokens, answer included. Default: by the model's name. */
  readonly contextTokens?: number;
}

/** Where vectors come from: an OpenAI-compatible API. */
export interface EmbeddingConfig {
  readonly model: string;
  readonly baseUrl: string;
  readonly apiKey?: string;
}

/** How mem0 is reached. */
export interface Mem0Config {
  readonly apiKey?: string;
  /** Default: the hosted service. */
  readonly baseUrl?: string;
  /** Which API mem0 speaks; `auto` decides by the host. */
  readonly api: Values["mem0Api"];
  /** Separates the memories of several agents in one mem0. */
  readonly agentId?: string;
  /** Longest time for one request, milliseconds. */
  readonly timeoutMs: number;
}

/** What is remembered about users beyond their sessions. */
export interface MemoryConfig {
  readonly kind: Exclude<Values["memory"], "auto">;
  /** How long a turn waits for its memories, milliseconds. */
  readonly budgetMs: number;
  /** Without it memories are found by keywords alone. */
  readonly embedding?: EmbeddingConfig;
  readonly mem0: Mem0Config;
}

/** What the environment gives to configuration files and child processes. */
export interface ConfigEnvironment {
  /** Looks up a `${NAME}` in a configuration file. */
  readonly environment: (name: string) => string | undefined;
  /** What child processes inherit: variables that programs need, no secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
}

/** The configuration of a gateway. The fields that are settings are described in the table. */
export interface GatewayConfig
  extends
    ConfigEnvironment,
    ValuesOf<typeof accessSettings>,
    Pick<Values, "storeSync" | "modelsFile">,
    Omit<ValuesOf<typeof conversationSettings>, "overlap" | "overlapRules">,
    ValuesOf<typeof toolSettings>,
    ValuesOf<typeof connectionSettings> {
  readonly dataDir: string;
  readonly log: Pick<LogOptions, "level" | "format" | "file" | "secrets">;
  readonly llm: LlmConfig;
  readonly memory: MemoryConfig;
  readonly limits: Limits;
  /** What to do with a message that arrives during a turn, by channel. */
  readonly overlap: {
    readonly fallback: Values["overlap"];
    readonly rules: readonly OverlapRule[];
  };
}

/** mem0 decides itself how long it takes to learn; its own client waits a minute. */
const mem0TimeoutMs = 60_000;
const openAiUrl = "https://api.openai.com/v1";

/** The value of every setting that is not set. */
export function defaultValues(): Values {
  const entries = Object.entries(settings).map(([name, { fallback }]) => [name, fallback]);
  return Object.fromEntries(entries) as Values;
}

/** Makes a configuration of values. @throws {ConfigError} if they do not go together. */
export function toGatewayConfig(
  values: Values & { readonly dataDir: string },
  environment: ConfigEnvironment,
): GatewayConfig {
  const { dataDir, storeSync } = values;
  const { overlap, overlapRules, ...conversation } = pick(values, conversationSettings);
  const { modelsFile, modelHigh, modelMid, modelLow, ...llm } = pick(values, llmSettings);
  return {
    ...environment,
    ...pick(values, accessSettings),
    ...conversation,
    ...pick(values, toolSettings),
    ...pick(values, connectionSettings),
    dataDir,
    storeSync,
    modelsFile,
    log: logOf(values),
    llm: {
      ...llm,
      tierModels: { high: modelHigh, mid: modelMid, low: modelLow },
      contextTokens: llm.contextTokens || undefined,
    },
    memory: memoryOf(values),
    limits: pick(values, limitSettings),
    overlap: { fallback: overlap, rules: overlapRules.map(parseOverlapRule) },
  };
}

/** The values of one group of settings: passed around alone, they carry no secrets. */
function pick<Table extends SettingTable>(values: Values, table: Table): ValuesOf<Table> {
  const all = values as Readonly<Record<string, unknown>>;
  return Object.fromEntries(Object.keys(table).map((name) => [name, all[name]])) as ValuesOf<
    Table
  >;
}

function logOf(values: Values): GatewayConfig["log"] {
  const { logLevel: level, logFormat: format, logFile } = values;
  const file = logFile && {
    path: resolve(logFile),
    maxBytes: values.logFileBytes,
    keep: values.logFiles,
  };
  return { level, format, secrets: secretsOf(values), ...(file && { file }) };
}

/** What the log must not show: the secrets, and passwords in URLs. */
function secretsOf(values: Values): readonly string[] {
  const { secret, apiKey, baseUrl, mem0ApiKey, mem0BaseUrl } = values;
  const urls = [baseUrl, mem0BaseUrl].filter((url) => url !== undefined);
  return [secret, apiKey, mem0ApiKey, ...urls.flatMap(secretsOfUrl)]
    .filter((text): text is string => !!text);
}

function memoryOf(values: Values): MemoryConfig {
  const { memory, mem0ApiKey, mem0BaseUrl, embeddingModel } = values;
  const mem0IsSet = Boolean(mem0ApiKey || mem0BaseUrl);
  if (memory === "mem0" && !mem0IsSet) {
    throw new ConfigError(
      'Cannot use CLARA_MEMORY="mem0" without mem0: set MEM0_API_KEY, MEM0_BASE_URL, or both',
    );
  }
  return {
    kind: memory === "auto" ? mem0IsSet ? "mem0" : "embedded" : memory,
    budgetMs: values.memoryBudgetMs,
    ...(embeddingModel && {
      embedding: {
        model: embeddingModel,
        baseUrl: values.baseUrl ?? openAiUrl,
        apiKey: values.apiKey,
      },
    }),
    mem0: {
      apiKey: mem0ApiKey,
      baseUrl: mem0BaseUrl,
      api: values.mem0Api,
      agentId: values.mem0AgentId,
      timeoutMs: mem0TimeoutMs,
    },
  };
}
