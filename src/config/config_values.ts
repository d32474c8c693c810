/** From the values of the settings to parts of the configuration. Used by `config.ts`; pure. */

import type { Limits, MemoryConfig } from "./config_types.ts";
import { ConfigError } from "../lib/config_error.ts";
import type { settings } from "./settings.ts";
import { secretsOfUrl } from "./redaction.ts";

/** The value of each setting. */
export type Values = {
  [Name in keyof typeof settings]: ReturnType<typeof settings[Name]["parse"]>;
};

/** mem0 itself decides how long it takes to learn: its own client waits a minute. */
const mem0TimeoutMs = 60_000;
const openAiUrl = "https://api.openai.com/v1";

export function memoryOf(values: Values): MemoryConfig {
  const { mem0ApiKey, mem0BaseUrl, mem0Api, mem0AgentId, embeddingModel } = values;
  const mem0IsSet = Boolean(mem0ApiKey || mem0BaseUrl);
  if (values.memory === "mem0" && !mem0IsSet) {
    throw new ConfigError(
      'Cannot use CLARA_MEMORY="mem0" without mem0: set MEM0_API_KEY, MEM0_BASE_URL, or both',
    );
  }
  const { memory } = values;
  return {
    kind: memory === "auto" ? mem0IsSet ? "mem0" : "embedded" : memory,
    budgetMs: values.memoryBudgetSeconds * 1000,
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
      api: mem0Api,
      agentId: mem0AgentId,
      timeoutMs: mem0TimeoutMs,
    },
  };
}

/** The limits alone: they are handed far around, and no secret goes with them. */
export function limitsOf(values: Values): Limits {
  return {
    frameBytes: values.frameBytes,
    queuedPerChannel: values.queuedPerChannel,
    queuedBytes: values.queuedBytes,
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
    userTokensPerDay: values.userTokensPerDay,
    userCostPerDay: values.userCostPerDay,
    memoryTokens: values.memoryTokens,
    userMemories: values.userMemories,
    waitingExchanges: values.waitingExchanges,
  };
}

/** What the log must not show: the secrets, and the passwords that URLs may carry. */
export function secretsOf(values: Values): readonly string[] {
  const { secret, apiKey, baseUrl, mem0ApiKey, mem0BaseUrl } = values;
  const urls = [baseUrl, mem0BaseUrl].filter((url) => url !== undefined);
  return [secret, apiKey, mem0ApiKey, ...urls.flatMap(secretsOfUrl)]
    .filter((text): text is string => !!text);
}
