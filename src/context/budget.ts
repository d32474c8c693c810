/**
 * Everything that trims what the model is shown. Before each request its parts are fitted into a number of tokens in
 * a fixed order: old history first (its summary covers it), then memories, tool results, summaries, the reply chain;
 * never the persona or the message. Pure.
 */

import { GatewayError } from "../domain/errors.ts";
import { type ContextPart, partTokens, renderParts } from "./part.ts";
import type { LlmMessage } from "../llm/client.ts";
import { estimateTokens } from "../llm/tokens.ts";
import type { HistoryEntry } from "../store/history_store.ts";
import { ShownLine } from "./history_line.ts";

/** Options of {@linkcode fitContext}. */
export interface FitOptions {
  /** Estimated tokens that all parts may have together. */
  readonly budget: number;
  /** Returns the minimum instead of an error if even that is too much. */
  readonly atAnyPrice?: boolean;
}

/** The parts that fit. */
export interface Fitted {
  readonly messages: readonly LlmMessage[];
  /** Estimated tokens of the messages. */
  readonly tokens: number;
  /** Tokens that every turn needs beside history: persona, memories, summaries. */
  readonly fixedTokens: number;
}

/** Characters that an old tool result keeps, and that the arguments of an old call may have. */
const stubChars = 200;
const maxOldArguments = 1_000;
const shortenedArguments = JSON.stringify({ note: "left out, since it was long" });

/**
 * Fits parts into a budget.
 *
 * @throws {GatewayError} `context_too_long` if even what must stay is too much.
 */
export function fitContext(parts: readonly ContextPart[], options: FitOptions): Fitted {
  const fitting = new Fitting(parts, options.budget);
  const fixedTokens = fitting.fixedTokens();
  for (const trim of trimmingSteps) {
    if (fitting.excess <= 0) break;
    trim(fitting);
  }
  if (fitting.excess > 0 && !options.atAnyPrice) throw tooLong(parts, options.budget);
  return { messages: renderParts(fitting.left()), tokens: fitting.tokens, fixedTokens };
}

/** The newest lines that fit into a number of tokens, starting with a user's. */
export function fitHistory(
  entries: readonly HistoryEntry[],
  { tokens, lineTokens }: { readonly tokens: number; readonly lineTokens: number },
): readonly ShownLine[] {
  const lines = entries.map((entry) => fitLine(entry, lineTokens));
  let left = tokens;
  let first = lines.length;
  while (first > 0) {
    left -= lines[first - 1]!.tokens + 4;
    if (left < 0) break;
    first--;
  }
  while (first < lines.length && lines[first]!.line.role !== "user") first++;
  return lines.slice(first);
}

/** A line that exceeds its share keeps its beginning, so that it does not hide all others. */
function fitLine(line: HistoryEntry, maxTokens: number): ShownLine {
  const shown = ShownLine.of(line);
  if (shown.tokens <= maxTokens) return shown;
  const share = maxTokens / shown.tokens;
  const content = line.content.slice(0, Math.floor(line.content.length * share)).toWellFormed();
  return ShownLine.of({
    ...line,
    memo: undefined,
    content: `${content}\n[the rest of this message is not shown]`,
  });
}

/** As many memories as fit into a number of tokens, the most relevant first. */
export function fitMemories(memories: readonly string[], maxTokens = 1_000): readonly string[] {
  let left = maxTokens;
  return memories.filter((memory) => {
    const tokens = estimateTokens(memory) + 4;
    if (tokens > left) return false;
    left -= tokens;
    return true;
  });
}

/** What is trimmed first, second, … each as far as needed. */
const trimmingSteps: readonly ((fitting: Fitting) => void)[] = [
  (fitting) => {
    fitting.drop(fitting.of("history"));
    // An answer without its question says nothing.
    for (const index of fitting.of("history")) {
      if (fitting.messageAt(index).role === "user") break;
      fitting.remove(index);
    }
  },
  (fitting) => fitting.drop(fitting.of("memory").toReversed()),
  (fitting) => {
    for (const index of fitting.oldRounds()) fitting.shorten(index, { chars: stubChars });
  },
  (fitting) => {
    const results = fitting.newestResults();
    for (let chars = 32_000; chars >= stubChars && fitting.excess > 0; chars = chars * 3 / 4) {
      for (const index of results) fitting.shorten(index, { chars: Math.floor(chars) });
    }
  },
  (fitting) => {
    for (const round of fitting.wholeOldRounds()) {
      if (fitting.excess <= 0) return;
      round.forEach((index) => fitting.remove(index));
    }
  },
  (fitting) => fitting.drop(fitting.of("summary")),
  (fitting) => fitting.drop(fitting.of("reply_chain")),
];

/** Parts being fitted into a budget. */
class Fitting {
  readonly #whole: readonly ContextPart[];
  readonly #parts: (ContextPart | undefined)[];
  readonly #budget: number;
  tokens: number;

  constructor(parts: readonly ContextPart[], budget: number) {
    this.#whole = parts;
    this.#parts = [...parts];
    this.#budget = budget;
    this.tokens = parts.reduce((sum, part) => sum + partTokens(part), 0);
  }

  get excess(): number {
    return this.tokens - this.#budget;
  }

  left(): readonly ContextPart[] {
    return this.#parts.filter((part) => part !== undefined);
  }

  fixedTokens(): number {
    let tokens = 0;
    for (const part of this.#whole) if ("text" in part) tokens += partTokens(part);
    return tokens;
  }

  of(kind: ContextPart["kind"]): readonly number[] {
    return this.#parts.flatMap((part, index) => part?.kind === kind ? [index] : []);
  }

  messageAt(index: number): LlmMessage {
    const part = this.#parts[index];
    if (!part || !("message" in part)) throw new Error(`Part ${index} is not a message`);
    return part.message;
  }

  /** Removes parts in this order until the rest fits. */
  drop(indices: readonly number[]): void {
    for (const index of indices) {
      if (this.excess <= 0) return;
      this.remove(index);
    }
  }

  remove(index: number): void {
    const part = this.#parts[index];
    if (part) this.tokens -= partTokens(part);
    this.#parts[index] = undefined;
  }

  /** Shortens a tool result, or the arguments of calls, if there is still too much. */
  shorten(index: number, { chars }: { readonly chars: number }): void {
    const whole = this.#whole[index];
    if (this.excess <= 0 || whole?.kind !== "turn") return;
    const message = shortened(whole.message, chars);
    if (message === whole.message) return;
    this.remove(index);
    const shorter = { kind: "turn", message } as const;
    this.#parts[index] = shorter;
    this.tokens += partTokens(shorter);
  }

  /** The calls and results of all tool rounds but the newest. */
  oldRounds(): readonly number[] {
    return this.wholeOldRounds().flat();
  }

  /** The same, round by round. */
  wholeOldRounds(): readonly (readonly number[])[] {
    return this.#rounds().slice(0, -1);
  }

  newestResults(): readonly number[] {
    return this.#rounds().at(-1)?.slice(1) ?? [];
  }

  /** Each round: the message with its calls, then their results. */
  #rounds(): readonly (readonly number[])[] {
    const rounds: number[][] = [];
    for (const index of this.of("turn")) {
      const message = this.messageAt(index);
      if (message.role === "assistant" && message.toolCalls?.length) rounds.push([index]);
      else if (message.role === "tool") rounds.at(-1)?.push(index);
    }
    return rounds;
  }
}

function shortened(message: LlmMessage, chars: number): LlmMessage {
  if (message.role === "tool") {
    const { content } = message;
    if (content.length <= chars + stubChars) return message;
    const left = content.length - chars;
    const kept = content.slice(0, chars).toWellFormed();
    return { ...message, content: `${kept}\n[${left} characters were left out]` };
  }
  if (message.role !== "assistant" || !message.toolCalls) return message;
  if (message.toolCalls.every((call) => call.arguments.length <= maxOldArguments)) return message;
  const toolCalls = message.toolCalls.map((call) =>
    call.arguments.length <= maxOldArguments ? call : { ...call, arguments: shortenedArguments }
  );
  return { ...message, toolCalls };
}

function tooLong(parts: readonly ContextPart[], budget: number): GatewayError {
  const sizeOf = (...kinds: readonly ContextPart["kind"][]) =>
    parts.filter(({ kind }) => kinds.includes(kind))
      .reduce((sum, part) => sum + partTokens(part), 0);
  const room = Math.max(0, Math.floor(budget - sizeOf("system")));
  const size = sizeOf("message");
  const details = { tokens: size, limit: room };
  return size > room
    ? new GatewayError(
      "context_too_long",
      `The message is too long: it has about ${size} tokens, and the model has room for ${room}. ` +
        "Send a shorter one, or fewer attachments.",
      { details },
    )
    : new GatewayError(
      "context_too_long",
      "The work on this message has become too long for the model. Ask for less at a time.",
      { details },
    );
}
