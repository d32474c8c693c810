/**
 * The port to a language model, in the terms of chat completions. The orchestrator speaks to it;
 * `openai_client.ts` and `echo_client.ts` implement it.
 */

import type { FinishReason, Usage } from "../domain/reply.ts";
import type { MessageOrigin, ToolCall } from "../domain/tool_call.ts";
import type { Tier } from "../domain/message.ts";
import type { UsageEntry } from "../store/usage_store.ts";

/** One part of what a user says. */
export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  /** `url` is a data URL. */
  | { readonly type: "image"; readonly url: string };

/** One message of the conversation that a model is shown. */
export type LlmMessage =
  | { readonly role: "system"; readonly content: string }
  | {
    readonly role: "user";
    readonly content: string | readonly ContentPart[];
    /** Who says it, where several people speak. */
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

/** One request to a model. */
export interface LlmRequest {
  readonly tier: Tier;
  readonly messages: readonly LlmMessage[];
  readonly tools: readonly LlmTool[];
  /** Whether the model must answer without calling a tool. Default: it may call any. */
  readonly toolChoice?: "none";
  /** The tokens of messages and tools (estimated), where they were counted before. */
  readonly estimatedTokens?: number;
  /** The longest answer, tokens. Default: the model's own. */
  readonly maxTokens?: number;
  /** Is told what each request to a provider took, also those that failed; several for one call. */
  readonly onUsage?: (usage: RequestUsage) => void;
}

/** What one request to a provider took. */
export type RequestUsage = Omit<UsageEntry, "userKey" | "channelKey" | "purpose" | "at">;

/** What a model's stream brings. A `finish` comes last, once. */
export type LlmEvent =
  | { readonly type: "text"; readonly text: string }
  /** What the model thinks; only where the operator wants to see it. */
  | { readonly type: "reasoning"; readonly text: string }
  /** A complete call. Its id may be empty, or be used twice. */
  | { readonly type: "tool_call"; readonly call: ToolCall }
  | {
    readonly type: "finish";
    readonly reason: FinishReason;
    readonly usage: Usage;
    /** The model that answered: it may be a fallback. */
    readonly model: string;
    /** Fields of the message that its provider wants back unchanged. */
    readonly fields?: Readonly<Record<string, unknown>>;
  };

/** Who asks, for the usage that is kept: keys of `domain/keys.ts`. */
export interface Account {
  readonly userKey: string;
  readonly channelKey: string;
}

/** One question beside the conversation: no tools, the answer whole. */
export interface CompletionRequest {
  readonly tier: Tier;
  readonly messages: readonly LlmMessage[];
  /** What it is for, as the usage tells it: `tier`, `memory`, `summary`. */
  readonly purpose: string;
  /** Whose usage it is; the client keeps it in the store by itself. */
  readonly account?: Account;
  /** The longest answer, tokens. Default: the model's own. */
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
  /** The model that answers in a tier, if it can. */
  modelOf(tier: Tier): string;
  /** The smallest window of a tier's models, tokens; undefined where there is no limit. */
  contextTokensOf(tier: Tier): number | undefined;
  /**
   * Streams one answer. Until the first event other models may be asked; after it none.
   *
   * @throws {GatewayError} `llm_unavailable`, `llm_timeout`, `rate_limited` or `context_too_long`; the signal's
   * reason when it aborts, after the request upstream was ended.
   */
  stream(request: LlmRequest, signal: AbortSignal): AsyncIterable<LlmEvent>;

  /**
   * Asks for one short text: a classification, facts, a summary. Never shown as it is.
   *
   * @throws {GatewayError} as `stream`; `llm_unavailable` always from the echo model, whose callers
   * go on without.
   */
  complete(request: CompletionRequest): Promise<Completion>;
}
