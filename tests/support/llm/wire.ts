/**
 * A scripted reply in OpenAI's format: stream chunks, a completion, an error. Pure. Format:
 * https://platform.openai.com/docs/api-reference/chat-streaming
 */

import type { ChatRequest } from "./chat_request.ts";
import type { Reply, ScriptedCall } from "./reply.ts";

/** What all chunks of a completion share. */
export interface Completion {
  readonly request: ChatRequest;
  readonly index: number;
}

/** One event of a stream. */
export function sse(data: unknown): string {
  return `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
}

/** A chunk with one choice. */
export function chunk(
  { request, index }: Completion,
  delta: Readonly<Record<string, unknown>>,
  finish_reason: string | null = null,
) {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
  // With include_usage, every chunk but the last has a null usage.
  const usage = request.stream_options?.include_usage ? { usage: null } : {};
  return { ...head({ request, index }, "chat.completion.chunk"), choices, ...usage };
}

/** The last chunk if `include_usage` was requested. */
export function usageChunk(completion: Completion, reply: Reply) {
  const usage = usageOf(reply);
  return { ...head(completion, "chat.completion.chunk"), choices: [], usage };
}

/** Deltas of the tool calls: id and name first, then the arguments in pieces. */
export function toolDeltas({ index }: Completion, calls: readonly ScriptedCall[]) {
  return calls.flatMap((call, position) => {
    const { id, name, text } = named(call, { index, position });
    const opening = {
      index: position,
      id,
      type: "function",
      function: { name, arguments: "" },
    };
    const pieces = split(text).map((piece) => ({
      index: position,
      function: { arguments: piece },
    }));
    return [opening, ...pieces].map((delta) => ({ tool_calls: [delta] }));
  });
}

/** The response to a request without streaming. */
export function wholeCompletion(completion: Completion, reply: Reply) {
  const { index } = completion;
  const tool_calls = (reply.toolCalls ?? []).map((call, position) => {
    const { id, name, text } = named(call, { index, position });
    return { id, type: "function", function: { name, arguments: text } };
  });
  const content = textDeltas(reply).join("");
  const message = {
    role: "assistant",
    content: content || null,
    refusal: null,
    ...(tool_calls.length > 0 && { tool_calls }),
  };
  return {
    ...head(completion, "chat.completion"),
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(reply) }],
    usage: usageOf(reply),
  };
}

/** The body of an error in OpenAI's format. */
export function errorBody(status: number) {
  const type = status === 429 ? "rate_limit_error" : "api_error";
  const message = `The scripted server answers ${status}`;
  return { error: { message, type, param: null, code: null } };
}

/** The deltas of the text. */
export function textDeltas({ text }: Reply): readonly string[] {
  return listOf(text);
}

/** The deltas of a field: one, several or none. */
export function listOf(field: string | readonly string[] = []): readonly string[] {
  return typeof field === "string" ? [field] : field;
}

/** The finish reason. */
export function finishOf(reply: Reply): string {
  return reply.finish ?? (reply.toolCalls?.length ? "tool_calls" : "stop");
}

function head({ request, index }: Completion, object: string) {
  return { id: `chatcmpl-${index}`, object, created: 1_700_000_000, model: request.model };
}

function usageOf({ usage = { prompt_tokens: 11, completion_tokens: 7 } }: Reply) {
  return usage && { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens };
}

function named(
  call: ScriptedCall,
  { index, position }: { readonly index: number; readonly position: number },
) {
  const { arguments: given, id = `call_${index}_${position}`, name } = call;
  return { id, name, text: typeof given === "string" ? given : JSON.stringify(given) };
}

/** Splits a text into up to three pieces, so that clients must join them. */
function split(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 3));
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  return pieces;
}
