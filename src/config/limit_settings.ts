/** The settings that are limits: what passes one gets a clear error. A part of the table of settings. */

import * as kind from "./setting.ts";

const MiB = 1024 * 1024;

/** All limits, by the name that the program has for them. */
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
      "Bytes of all messages that wait or run; one adapter may hold as many as it leaves to the others",
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
  userTokensPerDay: kind.number("CLARA_MAX_USER_TOKENS_PER_DAY", {
    fallback: 0,
    min: 0,
    help: "Tokens that one user may use in a day (UTC); 0 is no limit",
  }),
  userCostPerDay: kind.number("CLARA_MAX_USER_COST_PER_DAY", {
    fallback: 0,
    min: 0,
    whole: false,
    help:
      "Dollars that one user may cost in a day (UTC), by the prices of models.yaml; 0 is no limit",
  }),
  logFileBytes: kind.number("CLARA_MAX_LOG_FILE_BYTES", {
    fallback: 10 * MiB,
    min: 1024,
    help: "Size at which the log file is set aside and a new one begun",
  }),
  logFiles: kind.number("CLARA_MAX_LOG_FILES", {
    fallback: 5,
    min: 1,
    max: 1000,
    help: "Log files that are kept beside the current one",
  }),
  memoryTokens: kind.number("CLARA_MAX_MEMORY_TOKENS", {
    fallback: 1_000,
    min: 0,
    help: "Tokens of memories in a request to the model (estimated)",
  }),
  userMemories: kind.number("CLARA_MAX_USER_MEMORIES", {
    fallback: 5_000,
    min: 1,
    help: "Memories of turns that the embedded memory keeps of one user",
  }),
  waitingExchanges: kind.number("CLARA_MAX_WAITING_EXCHANGES", {
    fallback: 1_000,
    min: 1,
    help: "Exchanges that may wait to be remembered, as while mem0 is down",
  }),
} as const;
