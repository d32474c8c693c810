/** An answer in the words of one provider: the events of its stream. Pure. */

import type { ChatRequest } from "../chat_request.ts";
import type { ModelAnswer, NamedCall, ProviderProfile } from "./profile.ts";

/** A text in three pieces, or fewer. */
export function pieces(text: string): readonly string[] {
  const size = Math.max(1, Math.ceil(text.length / 3));
  return Array.from(
    { length: Math.ceil(text.length / size) },
    (_, index) => text.slice(index * size, (index + 1) * size),
  );
}

/** Text deltas, after reasoning deltas of a field. */
export function spoken(field?: string) {
  return ({ reasoning = "", text = "" }: ModelAnswer): readonly object[] => [
    ...(field === undefined ? [] : pieces(reasoning).map((piece) => ({ [field]: piece }))),
    ...pieces(text).map((content) => ({ content })),
  ];
}

/** Text deltas after reasoning between tags, whatever the tags are split into. */
export function tagged(tag: string) {
  return ({ reasoning, text = "" }: ModelAnswer): readonly object[] => {
    const all = reasoning === undefined ? text : `<${tag}>${reasoning}</${tag}>\n\n${text}`;
    return (all.match(/[\s\S]{1,5}/g) ?? []).map((content) => ({ content }));
  };
}

/** Calls in pieces: each one's id and name first, then its arguments. */
export function callPieces(calls: readonly NamedCall[]): readonly object[] {
  return calls.flatMap(({ id, name, arguments: given }, index) => [
    { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] },
    ...pieces(JSON.stringify(given)).map((text) => ({
      tool_calls: [{ index, function: { arguments: text } }],
    })),
  ]);
}

/** Calls whole, each in a delta of its own. */
export function wholeCalls(
  { index = true, asObject = false, fields = () => ({}) }: {
    readonly index?: boolean;
    /** Whether arguments are an object instead of its JSON. */
    readonly asObject?: boolean;
    readonly fields?: (answerIndex: number, position: number) => object;
  } = {},
) {
  return (calls: readonly NamedCall[], answerIndex: number): readonly object[] =>
    calls.map(({ id, name, arguments: given }, position) => ({
      tool_calls: [{
        ...(index && { index: position }),
        id,
        type: "function",
        function: { name, arguments: asObject ? given : JSON.stringify(given) },
        ...fields(answerIndex, position),
      }],
    }));
}

/** The pieces of a stream, each to be sent on its own. */
export function streamOf(
  { style, callId = openAiId }: ProviderProfile,
  { answer, answerIndex, request }: {
    readonly answer: ModelAnswer;
    readonly answerIndex: number;
    readonly request: ChatRequest;
  },
): readonly string[] {
  const {
    newline = "\n",
    space = true,
    opening = "role",
    chunkFields = {},
    deltaFields = {},
    speech = spoken(),
    calls: callDeltas = callPieces,
    usage: place = "requested",
    callsFinish = "tool_calls",
    done = true,
  } = style;
  const usage = {
    prompt_tokens: answer.usage.input,
    completion_tokens: answer.usage.output,
    total_tokens: answer.usage.input + answer.usage.output,
  };
  const event = (data: unknown) => {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    return `data:${space ? " " : ""}${text}${newline}${newline}`;
  };
  const head = {
    id: `chatcmpl-${answerIndex}`,
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: request.model,
    ...chunkFields,
    ...(place === "every" && { usage }),
  };
  const chunk = (delta: object, finish_reason: string | null = null, fields: object = {}) => {
    const choice = { index: 0, delta: { ...deltaFields, ...delta }, finish_reason, ...fields };
    return { ...head, choices: [choice] };
  };
  const calls = (answer.calls ?? []).map((call, position) => ({
    ...call,
    id: callId(answerIndex, position),
  }));
  const finish = calls.length > 0 ? callsFinish : "stop";
  const last = chunk({}, finish, place === "choice" ? { usage } : {});
  const requested = request.stream_options?.include_usage === true;
  const events = [
    ...(opening === "role" ? [event(chunk({ role: "assistant", content: "" }))] : []),
    ...(opening === "filter"
      ? [event({ ...head, id: "", choices: [], prompt_filter_results: [{ prompt_index: 0 }] })]
      : []),
    ...speech(answer, answerIndex).map((delta) => event(chunk(delta))),
    ...callDeltas(calls, answerIndex).map((delta) => event(chunk(delta))),
    event({
      ...last,
      ...(place === "finish" && { usage }),
      ...(place === "x_groq" && { x_groq: { id: "req_1", usage } }),
    }),
    ...(place === "requested" && requested ? [event({ ...head, choices: [], usage })] : []),
    ...(done ? [event("[DONE]")] : []),
  ];
  const between = style.keepAlive ?? "";
  return [style.preamble ?? "", ...events.map((text) => between + text), style.epilogue ?? ""]
    .filter((text) => text !== "");
}

function openAiId(answerIndex: number, position: number): string {
  return `call_${String(answerIndex * 10 + position).padStart(24, "x")}`;
}
