/** The settings that are limits. A part of the table in `settings.ts`. */

import * as kind from "./setting.ts";

const MiB = 1024 * 1024;

/** Limits. Whatever exceeds one gets a clear error. */
export const limitSettings = {
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
  queuedBytes: kind.number("CLARA_MAX_QUEUED_BYTES", {
    fallback: 1024 * MiB,
    min: MiB,
    help:
      "Bytes of all unanswered messages; one adapter may hold as much as it leaves to the others",
  }),
  concurrentTurns: kind.number("CLARA_MAX_CONCURRENT_TURNS", {
    fallback: 100,
    min: 1,
    help: "Turns that may run at once, over all channels",
  }),
  userMessagesPerMinute: kind.number("CLARA_MAX_USER_MESSAGES_PER_MINUTE", {
    fallback: 300,
    min: 1,
    help: "Messages per user and minute; more get rate_limited",
  }),
  adapterMessagesPerMinute: kind.number("CLARA_MAX_ADAPTER_MESSAGES_PER_MINUTE", {
    fallback: 60_000,
    min: 1,
    help: "Messages per adapter and minute; more get rate_limited",
  }),
  connections: kind.number("CLARA_MAX_CONNECTIONS", {
    fallback: 10_000,
    min: 1,
    help: "Sockets that may be open at once",
  }),
  sendBufferBytes: kind.number("CLARA_MAX_SEND_BUFFER_BYTES", {
    fallback: 32 * MiB,
    min: 64 * 1024,
    help: "Unsent bytes at which a slow reader's socket is closed (its replies are kept)",
  }),
  toolRounds: kind.number("CLARA_MAX_TOOL_ROUNDS", {
    fallback: 75,
    min: 1,
    help: "Rounds of tool calls in one turn",
  }),
  toolOutputChars: kind.number("CLARA_MAX_TOOL_OUTPUT_CHARS", {
    fallback: 50_000,
    min: 100,
    help: "Characters of a tool result that are sent to the model",
  }),
  mcpMessageBytes: kind.number("CLARA_MAX_MCP_MESSAGE_BYTES", {
    fallback: 8 * MiB,
    min: 1024,
    help: "Largest message of an MCP server; a server that sends more is restarted",
  }),
  userFileBytes: kind.number("CLARA_MAX_USER_FILE_BYTES", {
    fallback: 100 * MiB,
    min: 1024,
    help: "Bytes of files that one user may keep",
  }),
  continuations: kind.number("CLARA_MAX_CONTINUATIONS", {
    fallback: 5,
    min: 0,
    help: "How often a reply that was cut off for length is continued",
  }),
  attempts: kind.number("CLARA_MAX_ATTEMPTS", {
    fallback: 3,
    min: 1,
    help: "Attempts for a message that crashes the process",
  }),
  concurrentHooks: kind.number("CLARA_MAX_CONCURRENT_HOOKS", {
    fallback: 4,
    min: 1,
    help: "Hook commands that may run at once",
  }),
  queuedHookEvents: kind.number("CLARA_MAX_QUEUED_HOOK_EVENTS", {
    fallback: 1000,
    min: 1,
    help: "Events that may wait for one hook; more are dropped and counted",
  }),
  historyTokens: kind.number("CLARA_MAX_HISTORY_TOKENS", {
    fallback: 16_000,
    min: 0,
    help: "Tokens of history in a request to the model (estimated)",
  }),
  userTokensPerDay: kind.number("CLARA_MAX_USER_TOKENS_PER_DAY", {
    fallback: 0,
    min: 0,
    help: "Tokens per user and day (UTC); 0 means no limit",
  }),
  userCostPerDay: kind.number("CLARA_MAX_USER_COST_PER_DAY", {
    fallback: 0,
    min: 0,
    whole: false,
    help: "Dollars per user and day (UTC), at the prices in models.yaml; 0 means no limit",
  }),
  memoryTokens: kind.number("CLARA_MAX_MEMORY_TOKENS", {
    fallback: 1_000,
    min: 0,
    help: "Tokens of memories in a request to the model (estimated)",
  }),
  userMemories: kind.number("CLARA_MAX_USER_MEMORIES", {
    fallback: 5_000,
    min: 1,
    help: "Memories that the embedded memory keeps per user",
  }),
  waitingExchanges: kind.number("CLARA_MAX_WAITING_EXCHANGES", {
    fallback: 1_000,
    min: 1,
    help: "Exchanges that may wait to be remembered, for instance while mem0 is down",
  }),
};

/** Every limit of the gateway. */
export type Limits = kind.ValuesOf<typeof limitSettings>;
