/** How the scripted LLM server answers one request. */

import type { ChatRequest } from "./chat_request.ts";

/** A tool call by the model. */
export interface ScriptedCall {
  /** Default: `call_` with the numbers of the request and the call. */
  readonly id?: string;
  readonly name: string;
  /** A string is sent as is, valid JSON or not; anything else as JSON. */
  readonly arguments: unknown;
}

/** The token counts of an answer. */
export interface ScriptedUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
}

/** One scripted answer. Defaults are what a healthy provider does. */
export interface Reply {
  /** A string is one delta, an array one delta per element. */
  readonly text?: string | readonly string[];
  /** Pause before each delta of text (or raw piece) except the first, milliseconds. */
  readonly chunkDelayMs?: number;
  readonly toolCalls?: readonly ScriptedCall[];
  /** Deltas of `reasoning_content` (or the field `reasoningField`) before the text. */
  readonly reasoning?: string | readonly string[];
  readonly reasoningField?: "reasoning_content" | "reasoning";
  /** Deltas of `refusal`. */
  readonly refusal?: string | readonly string[];
  /** Default: `tool_calls` if there are tool calls, otherwise `stop`. */
  readonly finish?: "stop" | "length" | "content_filter" | "tool_calls";
  /** Default: 11 and 7. Null: no usage, even if requested. */
  readonly usage?: ScriptedUsage | null;
  /** An HTTP status other than 200: the response is `body`, or an OpenAI error. */
  readonly status?: number;
  /** The body of an HTTP error: a string as is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where to hang until the client leaves; `mid-stream` is after the text deltas. */
  readonly hang?: "before-headers" | "after-headers" | "mid-stream";
  /** Ends the stream after the text deltas: without a finish, or with a connection reset. */
  readonly cut?: boolean | "reset";
  /** Awaited before the first delta, after the headers. */
  readonly gate?: Promise<void>;
  /** Awaited after this many text deltas. */
  readonly gateAfter?: { readonly chunks: number; readonly until: Promise<void> };
  /** Replaces the stream; each piece is sent on its own, for malformed or split bytes. */
  readonly raw?: readonly (string | Uint8Array)[];
}

/** Chooses the reply to the n-th request (from 0) on its arrival. */
export type Script = (request: ChatRequest, index: number) => Reply;

/** A reply, or a function that chooses one. */
export type ReplySource = Reply | Script;

/** Returns the reply of a source to a request. */
export function replyFrom(source: ReplySource, request: ChatRequest, index: number): Reply {
  return typeof source === "function" ? source(request, index) : source;
}
