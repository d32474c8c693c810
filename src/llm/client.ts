/**
 * Interface of a language model, modelled on chat completions. Implemented by `openai/client.ts` and
 * `echo_client.ts`.
 */

import type { FinishReason, Usage } from "../domain/reply.ts";
import type { MessageOrigin, ToolCall } from "../domain/tool_call.ts";
import type { Tier } from "../domain/message.ts";
import type { UsageEntry } from "../store/usage_store.ts";

/** A part of a user message. */
export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  /** `url` is a data URL. */
  | { readonly type: "image"; readonly url: string };

/** A message in a request to a model. */
export type LlmMessage =
  | { readonly role: "system"; readonly content: string }
  | {
    readonly role: "user";
    readonly content: string | readonly ContentPart[];
    /** The author, if several people take part. */
    readonly speaker?: string;
  }
  | {
    readonly role: "assistant";
    readonly content: string;
    readonly toolCalls?: readonly ToolCall[];
    readonly origin?: MessageOrigin;
  }
  | { readonly role: "tool"; readonly callId: string; readonly content: string };

/** A tool that a model may call. */
export interface LlmTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A request to a model. */
export interface LlmRequest {
  readonly tier: Tier;
  readonly messages: readonly LlmMessage[];
  readonly tools: readonly LlmTool[];
  /** `none` forbids tool calls. Default: the model may call any tool. */
  readonly toolChoice?: "none";
  /** Estimated tokens of messages and tools, if already known. */
  readonly estimatedTokens?: number;
  /** Maximum size of the answer, tokens. Default: the limit of the model. */
  readonly maxTokens?: number;
  /** Called with the usage of each request to a provider, including failed ones and retries. */
  readonly onUsage?: (usage: RequestUsage) => void;
}

/** Usage of one request to a provider. */
export type RequestUsage = Omit<UsageEntry, "userKey" | "channelKey" | "purpose" | "at">;

/** An event of a model's stream. The last one is `finish`. */
export type LlmEvent =
  | { readonly type: "text"; readonly text: string }
  /** Reasoning, if the operator has enabled it. */
  | { readonly type: "reasoning"; readonly text: string }
  /** A complete call. Its id may be empty or not unique. */
  | { readonly type: "tool_call"; readonly call: ToolCall }
  | {
    readonly type: "finish";
    readonly reason: FinishReason;
    readonly usage: Usage;
    /** The model that answered: it may be a fallback. */
    readonly model: string;
    /** Message fields to send back to the provider unchanged. */
    readonly fields?: Readonly<Record<string, unknown>>;
  };

/** The user and channel to which usage is attributed, as keys of `domain/keys.ts`. */
export interface Account {
  readonly userKey: string;
  readonly channelKey: string;
}

/** A request outside the conversation, without tools or streaming. */
export interface CompletionRequest {
  readonly tier: Tier;
  readonly messages: readonly LlmMessage[];
  /** The purpose recorded with its usage: `tier`, `memory` or `summary`. */
  readonly purpose: string;
  /** The account to charge. The client records the usage in the store. */
  readonly account?: Account;
  /** Maximum size of the answer, tokens. Default: the limit of the model. */
  readonly maxTokens?: number;
  readonly signal: AbortSignal;
}

/** The answer to a {@linkcode CompletionRequest}. */
export interface Completion {
  readonly text: string;
  readonly usage: Usage;
  /** The model that answered: it may be a fallback. */
  readonly model: string;
}

/** A language model behind some API. */
export interface LlmClient {
  /** `openai` or `echo`, for the log and /health. */
  readonly kind: string;
  /** Returns the first model of a tier. */
  modelOf(tier: Tier): string;
  /** Returns the smallest context window of a tier's models, tokens, or `undefined` if unlimited. */
  contextTokensOf(tier: Tier): number | undefined;
  /**
   * Streams an answer. Falls back to other models only before the first event.
   *
   * @throws {GatewayError} `llm_unavailable`, `llm_timeout`, `rate_limited` or `context_too_long`; the signal's
   * reason if it aborts, once the upstream request has been cancelled.
   */
  stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent>;

  /**
   * Requests a short text for internal use, such as a classification, facts or a summary.
   *
   * @throws {GatewayError} as `stream`. The echo model always throws `llm_unavailable`; callers continue
   * without the text.
   */
  complete(request: CompletionRequest): Promise<Completion>;
}
