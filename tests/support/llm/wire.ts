/**
 * A scripted reply in the words of OpenAI's API: the chunks of a stream, a whole completion, an
 * error. Pure; the scripted LLM server sends them.
 * Format: https://platform.openai.com/docs/api-reference/chat-streaming
 */

import type { ChatRequest } from "./chat_request.ts";
import type { Reply, ScriptedCall } from "./reply.ts";

/** What the chunks of one completion share. */
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
  // With include_usage, every chunk but the last one has a null in place of the figures.
  const usage = request.stream_options?.include_usage ? { usage: null } : {};
  return { ...head({ request, index }, "chat.completion.chunk"), choices, ...usage };
}

/** The chunk that comes last when `include_usage` was asked for. */
export function usageChunk(completion: Completion, reply: Reply) {
  const usage = usageOf(reply);
  return { ...head(completion, "chat.completion.chunk"), choices: [], usage };
}

/** The deltas of the tool calls: each one's id and name first, then its arguments in pieces. */
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

/** The answer to a request that does not stream. */
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

/** The body of an error, the way OpenAI words it. */
export function errorBody(status: number) {
  const type = status === 429 ? "rate_limit_error" : "api_error";
  const message = `The scripted server answers ${status}`;
  return { error: { message, type, param: null, code: null } };
}

/** The deltas of text. */
export function textDeltas({ text }: Reply): readonly string[] {
  return listOf(text);
}

/** The deltas of a field: one, several or none. */
export function listOf(field: string | readonly string[] = []): readonly string[] {
  return typeof field === "string" ? [field] : field;
}

/** Why the reply ends. */
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

/** A text in three pieces (fewer where it is short), so that a client has to put it together. */
function split(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 3));
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  return pieces;
}
