/** The settings of a gateway, parsed. `config.ts` makes them; `gateway.ts` hands each module its part. */

import type { LogFormat, LogLevel } from "./log.ts";
import type { Overlap, Tier } from "./protocol/message.ts";

/** Every limit of the gateway. What passes one gets a clear error. */
export interface Limits {
  /** Largest frame that an adapter may send, bytes of UTF-8. */
  readonly frameBytes: number;
  /** Requests that may wait in one channel. */
  readonly queuedPerChannel: number;
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
}

/** How the gateway reaches its models. With neither key nor base URL the echo model answers. */
export interface LlmConfig {
  readonly apiKey?: string;
  readonly baseUrl?: string;
  readonly model: string;
  /** The models of the tiers; a tier without one uses `model`. */
  readonly tierModels: Partial<Readonly<Record<Tier, string>>>;
  /** Longest silence within a stream, milliseconds. */
  readonly stallMs: number;
  /** Longest time of one request to the model, milliseconds. */
  readonly totalMs: number;
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
  readonly personaFile?: string;
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
  readonly log: {
    readonly level: LogLevel;
    readonly format: LogFormat;
    /** What no line may show. */
    readonly secrets?: readonly string[];
  };
  readonly llm: LlmConfig;
  readonly limits: Limits;
  /** What a message does that meets a running turn, by channel. */
  readonly overlap: {
    readonly fallback: Overlap;
    readonly rules: readonly { readonly channels: string; readonly overlap: Overlap }[];
  };
  /** How long a channel must be quiet before what it collects is answered. */
  readonly collectMs: number;
  readonly sessionIdleMs: number;
  readonly heartbeatMs: number;
  readonly registerTimeoutMs: number;
  /** How long an adapter's session without a connection can be taken up again. */
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
