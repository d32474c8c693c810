/** How the scripted LLM server answers one request, in the words of a test. */

import type { ChatRequest } from "./chat_request.ts";

/** A tool call of the model. */
export interface ScriptedCall {
  /** Default: `call_` with the number of the request and of the call. */
  readonly id?: string;
  readonly name: string;
  /** A string is sent as it is, valid JSON or not; all else as its JSON. */
  readonly arguments: unknown;
}

/** What an answer took. */
export interface ScriptedUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
}

/** One scripted answer. The default of every field is what a healthy provider does. */
export interface Reply {
  /** A string is one delta, an array one delta an element. */
  readonly text?: string | readonly string[];
  /** Pause before each delta of text (or raw piece) but the first, milliseconds. */
  readonly chunkDelayMs?: number;
  readonly toolCalls?: readonly ScriptedCall[];
  /** What it thinks: deltas of `reasoning_content` (or the field of `reasoningField`) before the text. */
  readonly reasoning?: string | readonly string[];
  readonly reasoningField?: "reasoning_content" | "reasoning";
  /** Its own words of refusal, as deltas of `refusal`. */
  readonly refusal?: string | readonly string[];
  /** Default: `tool_calls` with tool calls, else `stop`. */
  readonly finish?: "stop" | "length" | "content_filter" | "tool_calls";
  /** Default: 11 and 7. Null: no usage, even if asked for. */
  readonly usage?: ScriptedUsage | null;
  /** An HTTP status other than 200: the answer is `body`, or an error as OpenAI words it. */
  readonly status?: number;
  /** The body of an HTTP error: a string as it is, all else as its JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never ends until the client leaves. `mid-stream`: after the deltas of text. */
  readonly hang?: "before-headers" | "after-headers" | "mid-stream";
  /** The stream ends after the deltas of text: properly but unfinished, or with a reset. */
  readonly cut?: boolean | "reset";
  /** Awaited before the first delta; the headers are out by then. */
  readonly gate?: Promise<void>;
  /** Awaited after so many deltas of text. */
  readonly gateAfter?: { readonly chunks: number; readonly until: Promise<void> };
  /** Written instead of a proper stream, each piece on its own, for malformed or split bytes. */
  readonly raw?: readonly (string | Uint8Array)[];
}

/** Decides on the reply to the n-th request (from 0) when that has arrived. */
export type Script = (request: ChatRequest, index: number) => Reply;

/** A reply, or what decides on one. */
export type ReplySource = Reply | Script;

/** The reply of a source to a request. */
export function replyFrom(source: ReplySource, request: ChatRequest, index: number): Reply {
  return typeof source === "function" ? source(request, index) : source;
}
