/**
 * One chunk of a streamed chat completion, or a whole completion, read leniently: every field may be
 * missing, null or of another type than OpenAI's. Source: what the providers of docs/models.md send.
 */

/** A piece of a tool call. */
export interface ToolCallPiece {
  readonly index?: number;
  readonly id?: string;
  readonly name?: string;
  /** JSON, or a part of it. */
  readonly arguments: string;
  /** Fields that OpenAI's API does not define, such as thought signatures. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Counts of tokens, as the provider reported them. */
export interface ReportedUsage {
  readonly inputTokens?: number;
  readonly cachedTokens?: number;
  readonly outputTokens?: number;
}

/** What a chunk says. */
export interface AnswerChunk {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly calls: readonly ToolCallPiece[];
  /** The fields of the message to send back to the provider unchanged, by name. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The provider's word, if it is not empty. */
  readonly finishReason?: string;
  readonly usage?: ReportedUsage;
  /** An error object in place of, or beside, an answer. */
  readonly error?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

/** Fields of a message that this file understands; all others are passed back unchanged. */
const knownFields = new Set([
  "role",
  "content",
  "refusal",
  "tool_calls",
  "function_call",
  "annotations",
  "audio",
  "name",
  "padding",
  "obfuscation",
]);
/** Fields of a tool call that have a meaning here. */
const knownCallFields = new Set(["index", "id", "type", "function", "name", "arguments"]);
/** Names under which providers send reasoning as text. */
const reasoningFields = ["reasoning_content", "reasoning", "reasoning_text", "thinking"];

const nothing: AnswerChunk = { text: "", reasoning: "", refusal: "", calls: [], fields: {} };

/** Reads a parsed chunk. Never throws. */
export function readChunk(value: unknown): AnswerChunk {
  if (!isObject(value)) return nothing;
  const choice = firstObject(value.choices);
  const usage = readUsage(value.usage) ?? readUsage(choice?.usage) ??
    readUsage(asObject(value.x_groq)?.usage);
  const error = errorIn(value, choice);
  if (!choice) return { ...nothing, usage, error };
  const message = asObject(choice.delta) ?? asObject(choice.message) ?? {};
  const content = readContent(message.content ?? choice.text);
  return {
    text: content.text,
    reasoning: reasoningOf(message) + content.reasoning,
    refusal: typeof message.refusal === "string" ? message.refusal : "",
    calls: readCalls(message),
    fields: fieldsOf(message, content.parts),
    finishReason: typeof choice.finish_reason === "string" && choice.finish_reason !== ""
      ? choice.finish_reason
      : undefined,
    usage,
    error,
  };
}

function errorIn(value: Json, choice: Json | undefined): unknown {
  if (value.error) return value.error;
  if (choice?.error) return choice.error;
  // The shape of Mistral and vLLM: {"object": "error", "message": …}.
  if (value.object === "error" || value.type === "error") return value;
  if (!choice && typeof value.message === "string" && value.code !== undefined) return value;
  return undefined;
}

interface Content {
  readonly text: string;
  readonly reasoning: string;
  /** The parts that are not text, as they came. */
  readonly parts?: readonly unknown[];
}

function readContent(content: unknown): Content {
  if (typeof content === "string") return { text: content, reasoning: "" };
  if (isObject(content)) return readContent([content]);
  if (!Array.isArray(content)) return { text: "", reasoning: "" };
  let text = "";
  let reasoning = "";
  const thoughts: unknown[] = [];
  for (const part of content) {
    if (typeof part === "string") text += part;
    if (!isObject(part)) continue;
    const type = String(part.type ?? "text");
    if (/think|reason/.test(type)) {
      const thought = part.thinking ?? part.text ?? part.reasoning ?? part.content;
      reasoning += readContent(thought).text;
      thoughts.push(part);
    } else if (typeof part.text === "string") text += part.text;
    else if (typeof part.content === "string") text += part.content;
  }
  return { text, reasoning, ...(thoughts.length > 0 && { parts: thoughts }) };
}

function reasoningOf(message: Json): string {
  for (const name of reasoningFields) {
    const value = message[name];
    if (typeof value === "string" && value !== "") return value;
    if (isObject(value) || Array.isArray(value)) {
      const { text, reasoning } = readContent(value);
      if (text + reasoning !== "") return text + reasoning;
    }
  }
  // OpenRouter repeats the text of `reasoning` here; some servers send it here alone.
  const details = Array.isArray(message.reasoning_details) ? message.reasoning_details : [];
  return details.filter(isObject)
    .map((detail) => typeof detail.text === "string" ? detail.text : "").join("");
}

function readCalls(message: Json): readonly ToolCallPiece[] {
  const calls = Array.isArray(message.tool_calls)
    ? message.tool_calls
    : isObject(message.tool_calls)
    ? [message.tool_calls]
    : isObject(message.function_call)
    ? [{ function: message.function_call }]
    : [];
  return calls.filter(isObject).map((call) => {
    const called = asObject(call.function) ?? call;
    return {
      ...(Number.isInteger(call.index) && { index: call.index as number }),
      ...(typeof call.id === "string" && call.id !== "" && { id: call.id }),
      ...(typeof called.name === "string" && called.name !== "" && { name: called.name }),
      arguments: argumentsText(called.arguments),
      fields: callFieldsOf(call, called),
    };
  });
}

function callFieldsOf(call: Json, called: Json): Json {
  const fields = unknownFields(call, knownCallFields);
  const inFunction = called === call ? {} : unknownFields(called, knownCallFields);
  return Object.keys(inFunction).length > 0 ? { ...fields, function: inFunction } : fields;
}

function argumentsText(value: unknown): string {
  if (typeof value === "string") return value;
  return isObject(value) ? JSON.stringify(value) : "";
}

function fieldsOf(message: Json, parts: readonly unknown[] | undefined): Json {
  return { ...unknownFields(message, knownFields), ...(parts && { content: parts }) };
}

/** The fields of an object that are not known and say something. */
function unknownFields(value: Json, known: ReadonlySet<string>): Json {
  const unknown = Object.entries(value).filter(([name, field]) =>
    !known.has(name) && field !== null && field !== undefined && field !== ""
  );
  return Object.fromEntries(unknown);
}

/** Reads OpenAI's names, and those of Anthropic and Google, which some gateways pass through. */
export function readUsage(value: unknown): ReportedUsage | undefined {
  if (!isObject(value)) return undefined;
  const inputTokens = count(value.prompt_tokens ?? value.input_tokens ?? value.promptTokenCount);
  const outputTokens = count(
    value.completion_tokens ?? value.output_tokens ?? value.candidatesTokenCount,
  );
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const cachedTokens = count(
    asObject(value.prompt_tokens_details)?.cached_tokens ?? value.prompt_cache_hit_tokens ??
      value.cached_tokens ?? value.cache_read_input_tokens,
  );
  return { inputTokens, cachedTokens, outputTokens };
}

/** Servers do not always send counts; a figure beyond this is a mistake. */
const mostTokens = 10_000_000;

function count(value: unknown): number | undefined {
  if (typeof value !== "number" || !(value >= 0)) return undefined;
  return Math.min(Math.round(value), mostTokens);
}

function firstObject(value: unknown): Json | undefined {
  return Array.isArray(value) ? value.find(isObject) : undefined;
}

function asObject(value: unknown): Json | undefined {
  return isObject(value) ? value : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
