/** The settings of a gateway, parsed. `config.ts` makes them; `gateway.ts` hands each module its part. */

import type { LogOptions } from "../logging/log.ts";
import type { Overlap, Tier } from "../domain/message.ts";

/** What a commit outlives: `full` a power cut, `normal` the end of the process. */
export const syncModes = ["full", "normal"] as const;
export type SyncMode = typeof syncModes[number];

/** Every limit of the gateway. What passes one gets a clear error. */
export interface Limits {
  /** Largest frame that an adapter may send, bytes of UTF-8. */
  readonly frameBytes: number;
  /** Requests that may wait in one channel. */
  readonly queuedPerChannel: number;
  /** Bytes of all messages that are not answered yet. */
  readonly queuedBytes: number;
  /** Turns that may run at once, over all channels. */
  readonly concurrentTurns: number;
  /** Messages of one user in a minute. */
  readonly userMessagesPerMinute: number;
  /** Messages of one adapter in a minute. */
  readonly adapterMessagesPerMinute: number;
  /** Sockets that may be open at once. */
  readonly connections: number;
  /** Unsent bytes of one socket past which it is cut. */
  readonly sendBufferBytes: number;
  /** Rounds of tool calls in one turn. */
  readonly toolRounds: number;
  /** Characters of a tool's result that the model gets. */
  readonly toolOutputChars: number;
  /** Bytes of one message of an MCP server. */
  readonly mcpMessageBytes: number;
  /** Bytes of files that one user may keep. */
  readonly userFileBytes: number;
  /** Times a reply cut for length is continued. */
  readonly continuations: number;
  /** Times a request is tried that ends the process. */
  readonly attempts: number;
  /** Commands of hooks that may run at once. */
  readonly concurrentHooks: number;
  /** Events that may wait for one hook. */
  readonly queuedHookEvents: number;
  /** Tokens of history in a request to the model (estimated). */
  readonly historyTokens: number;
  /** Tokens that one user may use in a day (UTC); 0: no limit. */
  readonly userTokensPerDay: number;
  /** Dollars that one user may cost in a day (UTC); 0: no limit. */
  readonly userCostPerDay: number;
  /** Tokens of memories in a request to the model (estimated). */
  readonly memoryTokens: number;
  /** Memories of turns that are kept of one user. */
  readonly userMemories: number;
  /** Exchanges that may wait to be remembered. */
  readonly waitingExchanges: number;
}

/** How the gateway reaches its models. With neither key nor base URL the echo model answers. */
export interface LlmConfig {
  readonly apiKey?: string;
  readonly baseUrl?: string;
  readonly model: string;
  /** The models of the tiers; a tier without one uses `model`. */
  readonly tierModels: Partial<Readonly<Record<Tier, string>>>;
  /** Models that stand in for any of these, in this order. */
  readonly fallbacks: readonly string[];
  /** Whether what a model thinks is shown before its answer. */
  readonly showReasoning: boolean;
  /** Whether the low tier decides which tier a message is worth. */
  readonly autoTier: boolean;
  /** Tokens that every model takes, answer included; by the model's name where it is missing. */
  readonly contextTokens?: number;
  /** Longest silence within a stream, milliseconds. */
  readonly stallMs: number;
  /** Longest time of one answer of a model with all its tries, milliseconds. */
  readonly totalMs: number;
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
  /** Which API is spoken; `auto` goes by the host. */
  readonly api: "auto" | "hosted" | "self-hosted";
  /** Keeps the memories of several agents in one mem0 apart. */
  readonly agentId?: string;
  /** Longest time of one request, milliseconds. */
  readonly timeoutMs: number;
}

/** What is remembered of users beyond their sessions. */
export interface MemoryConfig {
  readonly kind: "embedded" | "mem0" | "off";
  /** How long a turn waits for its memories, milliseconds. */
  readonly budgetMs: number;
  /** Without it facts are found by their words alone. */
  readonly embedding?: EmbeddingConfig;
  readonly mem0: Mem0Config;
}

/** All settings of a gateway. */
export interface GatewayConfig {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly secret?: string;
  /** More secrets, with names and scopes; the file may be missing. */
  readonly secretsFile: string;
  /** Whether a non-loopback address may be served without a secret. */
  readonly insecure: boolean;
  /** Origins (besides the gateway's own) from which a browser may connect. */
  readonly allowedOrigins: readonly string[];
  readonly dataDir: string;
  readonly storeSync: SyncMode;
  readonly personaFile?: string;
  /** Providers, models, tiers and budgets (YAML); it may be missing. */
  readonly modelsFile: string;
  /** The policy of the tools (YAML); it may be missing. */
  readonly toolsFile: string;
  /** The folder of `hooks.yaml` and of the plugins; it may be missing. */
  readonly hooksDir: string;
  /** The folder of `scheduler.yaml`, which may be missing. */
  readonly schedulerDir: string;
  /** The MCP servers (JSON, `mcpServers`); it may be missing. */
  readonly mcpFile: string;
  /** Looks up what configuration files name as `${NAME}`. */
  readonly environment: (name: string) => string | undefined;
  /** What child processes inherit of the environment: what programs need, no secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  readonly log: Pick<LogOptions, "level" | "format" | "file" | "secrets">;
  readonly llm: LlmConfig;
  readonly memory: MemoryConfig;
  readonly limits: Limits;
  /** What a message does that meets a running turn, by channel. */
  readonly overlap: {
    readonly fallback: Overlap;
    readonly rules: readonly { readonly channels: string; readonly overlap: Overlap }[];
  };
  /** How long a channel must be quiet before what it collects is answered. */
  readonly collectMs: number;
  readonly sessionIdleMs: number;
  /** The time of day at which all sessions end, such as `04:00`; they do not where it is missing. */
  readonly sessionResetAt?: string;
  /** The time zone of times of day; the machine's where it is missing. */
  readonly timeZone?: string;
  readonly heartbeatMs: number;
  readonly registerTimeoutMs: number;
  /** How long an adapter's session without a connection can be taken up again, after a restart from then on. */
  readonly resumeMs: number;
  /** How long running turns may go on after the first signal. */
  readonly drainMs: number;
  readonly toolTimeoutMs: number;
  /** How long a person may think about a tool call that needs approval. */
  readonly approvalTimeoutMs: number;
  /** Whether a trailing "Shall I proceed?" is answered with yes. */
  readonly autoProceed: boolean;
  /** How long finished requests are kept for resent frames and absent adapters, milliseconds. */
  readonly keepRequestsMs: number;
}
