/**
 * Converts the events of a streamed answer, or one whole completion, into text, reasoning, complete tool calls
 * and a finish reason.
 */

import type { FinishReason } from "../../domain/reply.ts";
import type { ToolCall } from "../../domain/tool_call.ts";
import { type AnswerChunk, readChunk, type ReportedUsage } from "./chunk.ts";
import { errorInStream } from "./provider_error.ts";
import { ThinkTagSplitter } from "./think_tags.ts";
import { ToolCallAssembler } from "./tool_calls.ts";

/** Limits of one answer. Exceeding one ends the answer with an {@linkcode AnswerTooLargeError}. */
export const answerLimits = {
  /** Characters of one server-sent event: a file in a tool call's arguments is the longest that makes sense. */
  eventChars: 8 * 1024 * 1024,
  textChars: 2 * 1024 * 1024,
  reasoningChars: 4 * 1024 * 1024,
  argumentsChars: 8 * 1024 * 1024,
  calls: 128,
  /** Characters of all events together, whatever they hold. */
  totalChars: 64 * 1024 * 1024,
} as const;

/** An answer exceeded one of the {@linkcode answerLimits}. */
export class AnswerTooLargeError extends Error {
  override readonly name = "AnswerTooLargeError";
}

/** The answer was cut off, or the provider reported that it failed. */
export class AnswerFailedError extends Error {
  override readonly name = "AnswerFailedError";
  readonly kind: "cut" | "failure" | "slip" | "refusal";

  constructor(kind: "cut" | "failure" | "slip" | "refusal", message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What one event adds to the answer. */
export interface AnswerDelta {
  readonly text: string;
  readonly reasoning: string;
}

/** A complete answer. */
export interface AnswerEnd extends AnswerDelta {
  readonly calls: readonly ToolCall[];
  readonly reason: FinishReason;
  /** The fields of the message that its provider wants back unchanged. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const nothing: AnswerDelta = { text: "", reasoning: "" };

export class AnswerReader {
  readonly #calls = new ToolCallAssembler({
    maxChars: answerLimits.argumentsChars,
    maxCalls: answerLimits.calls,
  });
  readonly #tags = new ThinkTagSplitter();
  readonly #fields = new Map<string, unknown>();
  #reason?: string;
  #ended = false;
  #refusal = "";
  #contentChunks = 0;
  #textChars = 0;
  #reasoningChars = 0;
  #totalChars = 0;
  /** The last usage that the provider reported. */
  usage?: ReportedUsage;

  /** Whether the end (`[DONE]`) was received. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a finish reason was received; usage may still follow. */
  get finished(): boolean {
    return this.#reason !== undefined;
  }

  /** Number of chunks with a part of the answer; heartbeats and usage do not count. */
  get contentChunks(): number {
    return this.#contentChunks;
  }

  /** Takes the data of one event. @throws {ProviderError} an error that it reports; a limit. */
  read(data: string): AnswerDelta {
    this.#totalChars += data.length;
    if (this.#totalChars > answerLimits.totalChars) {
      throw new AnswerTooLargeError("The stream is too long");
    }
    const text = data.trim();
    if (text === "[DONE]") {
      this.#ended = true;
      return nothing;
    }
    // Heartbeats and notes are not JSON; an answer is.
    if (!/^[{[]/.test(text)) return nothing;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      // Servers that forget the blank line send several chunks as one event.
      const lines = text.split("\n");
      if (lines.length === 1) throw error;
      return lines.map((line) => this.read(line)).reduce(joined);
    }
    return this.take(readChunk(value));
  }

  /** Takes a chunk. */
  take(chunk: AnswerChunk): AnswerDelta {
    if (chunk.usage) this.usage = chunk.usage;
    if (chunk.error !== undefined) throw errorInStream(chunk.error);
    this.#refusal += chunk.refusal;
    this.#mergeFields(chunk.fields);
    for (const piece of chunk.calls) {
      if (!this.#calls.add(piece)) throw new AnswerTooLargeError("Too many or too long tool calls");
    }
    if (chunk.finishReason !== undefined) this.#reason = chunk.finishReason;
    if (chunk.text + chunk.reasoning !== "" || chunk.calls.length > 0) this.#contentChunks++;
    const split = chunk.text === "" ? nothing : this.#tags.add(chunk.text);
    return this.#counted({ text: split.text, reasoning: chunk.reasoning + split.reasoning });
  }

  /**
   * Completes the answer once nothing follows.
   *
   * @throws {AnswerFailedError} if it was cut off or failed.
   */
  end(): AnswerEnd {
    const rest = this.#counted(this.#tags.flush());
    if (this.#refusal !== "") throw new AnswerFailedError("refusal", this.#refusal);
    if (this.#reason === undefined && !this.#ended) {
      throw new AnswerFailedError("cut", "The stream ended before the answer did");
    }
    const calls = this.#calls.calls();
    const read = this.#reason === undefined ? "stop" : readFinishReason(this.#reason);
    if (read === "failure" || read === "slip") {
      throw new AnswerFailedError(read, `finish_reason "${this.#reason}"`);
    }
    // Some servers say "stop" after tool calls.
    const reason = calls.length > 0 && (read === "stop" || read === "other") ? "tool_calls" : read;
    return { ...rest, calls, reason, fields: Object.fromEntries(this.#fields) };
  }

  #counted(delta: AnswerDelta): AnswerDelta {
    this.#textChars += delta.text.length;
    this.#reasoningChars += delta.reasoning.length;
    if (
      this.#textChars > answerLimits.textChars || this.#reasoningChars > answerLimits.reasoningChars
    ) throw new AnswerTooLargeError("The answer is too long");
    return delta;
  }

  #mergeFields(fields: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(fields)) {
      const before = this.#fields.get(name);
      this.#fields.set(name, before === undefined ? value : mergeField(name, before, value));
    }
  }
}

/** Reasoning and lists arrive in pieces; of anything else the last value counts. */
function mergeField(name: string, before: unknown, value: unknown): unknown {
  if (typeof before === "string" && typeof value === "string") {
    const inPieces = /reason|think|thought/.test(name) && !/signature|opaque|encrypted/.test(name);
    return inPieces ? before + value : value;
  }
  return Array.isArray(before) && Array.isArray(value) ? mergeItems(before, value) : value;
}

type Item = Readonly<Record<string, unknown>>;

/** Appends the items of a list; an item that continues the last one is joined to it. */
function mergeItems(before: readonly unknown[], items: readonly unknown[]): readonly unknown[] {
  const merged = [...before];
  for (const item of items) {
    const last = merged.at(-1);
    if (isItem(last) && isItem(item) && continues(last, item)) {
      merged[merged.length - 1] = joinItems(last, item);
    } else merged.push(item);
  }
  return merged;
}

/** Whether an item is the next piece of a thought (OpenRouter, Mistral). A signature ends one. */
function continues(last: Item, item: Item): boolean {
  if (typeof last.type !== "string" || !/text|think|summary/.test(last.type)) return false;
  if (last.type !== item.type || last.index !== item.index) return false;
  return !last.signature || !textField(item);
}

function textField(item: Item): string | undefined {
  return ["text", "thinking", "summary"].find((name) => item[name]);
}

function joinItems(last: Item, item: Item): Item {
  const said = Object.entries(item).filter(([, value]) => value !== null && value !== undefined);
  const joined: Record<string, unknown> = { ...last, ...Object.fromEntries(said) };
  for (const name of ["text", "thinking", "summary"]) {
    const [one, other] = [last[name], item[name]];
    if (typeof one === "string" && typeof other === "string") joined[name] = one + other;
    if (Array.isArray(one) && Array.isArray(other)) joined[name] = mergeItems(one, other);
  }
  return joined;
}

function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function joined(one: AnswerDelta, other: AnswerDelta): AnswerDelta {
  return { text: one.text + other.text, reasoning: one.reasoning + other.reasoning };
}

/** The provider's reasons by what they mean; compared without case, `-` and `_`. */
const reasons: Readonly<Record<Exclude<FinishReason, "other"> | "failure" | "slip", string>> = {
  stop: "stop end endturn eos eostoken stopsequence complete completed finish finished done",
  length: "length maxtokens maxoutputtokens modellength tokenlimit maxlength incomplete " +
    "modelcontextwindowexceeded contextlength",
  tool_calls: "toolcalls toolcall tooluse functioncall functioncalls",
  content_filter:
    "contentfilter contentfiltered safety recitation blocklist prohibitedcontent spii " +
    "imagesafety refusal sensitive guardrailintervened moderation blocked language",
  // The answer failed halfway: OpenRouter, Zhipu, DeepSeek, vLLM.
  failure: "error networkerror insufficientsystemresource abort aborted failed timeout cancelled " +
    "canceled overloaded internalerror servererror",
  // The model wrote an invalid tool call (Google, Groq).
  slip: "malformedfunctioncall unexpectedtoolcall toomanytoolcalls tooluseerror malformedtoolcall",
};

const knownReasons = new Map(
  Object.entries(reasons).flatMap(([meaning, words]) =>
    words.split(" ").map((word) => [word, meaning as keyof typeof reasons] as const)
  ),
);

/**
 * Classifies a provider's `finish_reason`: `failure` is a failed answer, `slip` an invalid tool call by the
 * model. An unknown value that contains "error" or the like is a failure.
 */
function readFinishReason(reason: string): FinishReason | "failure" | "slip" {
  const word = reason.toLowerCase().replaceAll(/[^a-z]/g, "");
  const meaning = knownReasons.get(word);
  if (meaning) return meaning;
  return /error|fail|abort|cancel|timeout|insufficient|overload/.test(word) ? "failure" : "other";
}
