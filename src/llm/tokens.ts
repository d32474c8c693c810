/**
 * Estimates token counts. Real tokenizers differ by model family and take megabytes each. docs/context.md
 * documents the accuracy.
 */

import type { LlmMessage, LlmRequest } from "./client.ts";

/** Overhead of a message: its role and delimiters. */
const messageTokens = 4;
/** Tokens of an image of any size: providers scale large ones down to about this. */
const imageTokens = 1_500;

/** Character classes. Tokenizers split between them. */
const lower = 0, upper = 1, digit = 2, space = 3, sign = 4, accented = 5, wide = 6;

const asciiKinds = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code >= 97 && code <= 122) return lower;
  if (code >= 65 && code <= 90) return upper;
  if (code >= 48 && code <= 57) return digit;
  return code === 32 ? space : sign;
});

/** Tokens per UTF-16 unit, by the first code of its script. Newer tokenizers need fewer. */
const scripts: readonly (readonly [from: number, tokens: number])[] = [
  [0xe000, 1.2],
  // Surrogates, such as emoji.
  [0xd800, 1.5],
  // Symbols, Chinese, Japanese, Korean.
  [0x2000, 1.2],
  // Thai and related scripts.
  [0xe00, 0.85],
  // Indic scripts.
  [0x900, 1],
  // Hebrew, Arabic.
  [0x530, 0.85],
  // Cyrillic.
  [0x400, 0.55],
  // Greek.
  [0x370, 0.7],
];

/** Estimates the tokens of a text. Errs on the high side. */
export function estimateTokens(text: string): number {
  let tokens = 0;
  let kind = space;
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const next = code < 128 ? asciiKinds[code]! : code < 0x370 ? accented : wide;
    // A capital starts a word; an accented letter continues one.
    const within = next === kind || kind === upper && next === lower && length === 1 ||
      kind === lower && next === accented;
    if (!within) {
      tokens += runTokens(kind, length);
      // Before digits, a space is a separate token.
      if (next === digit && kind === space && length > 0) tokens++;
      length = 0;
    }
    length++;
    kind = next === accented ? lower : next;
    if (next === accented) tokens += 0.75;
    else if (next === wide) tokens += scriptTokens(code);
  }
  return Math.ceil(tokens + runTokens(kind, length));
}

const counted = new WeakMap<LlmMessage, number>();

/** Estimates the tokens of a message with all its parts. Caches the result by object. */
export function estimateMessage(message: LlmMessage): number {
  let tokens = counted.get(message);
  if (tokens === undefined) counted.set(message, tokens = countMessage(message));
  return tokens;
}

function countMessage(message: LlmMessage): number {
  let tokens = messageTokens;
  if (typeof message.content === "string") tokens += estimateTokens(message.content);
  else {
    for (const part of message.content) {
      tokens += part.type === "text" ? estimateTokens(part.text) : imageTokens;
    }
  }
  if (message.role === "user" && message.speaker) tokens += estimateTokens(message.speaker) + 1;
  if (message.role === "assistant") {
    for (const call of message.toolCalls ?? []) {
      tokens += messageTokens + estimateTokens(call.id) + estimateTokens(call.name) +
        estimateTokens(call.arguments);
    }
  }
  if (message.role === "tool") tokens += estimateTokens(message.callId);
  return tokens;
}

/** Estimates the input tokens of a request. */
export function estimateInput({ messages, tools }: LlmRequest): number {
  const declarations = tools.length > 0 ? estimateTokens(JSON.stringify(tools)) : 0;
  return messages.reduce((sum, message) => sum + estimateMessage(message), declarations);
}

/** Estimates the tokens of a run of characters of one class. */
function runTokens(kind: number, length: number): number {
  if (length === 0) return 0;
  switch (kind) {
    case lower:
      // Short words are one token; very long runs are not words.
      return length <= 5 ? 1 : length <= 24 ? length / 4 : length / 2;
    case upper:
      return length === 1 ? 1 : length / 2;
    case digit:
      return Math.ceil(length / 3);
    case space:
      return length === 1 ? 0 : 1 + length / 16;
    case sign:
      return length === 1 ? 1 : length * 0.75;
    default:
      return 0;
  }
}

function scriptTokens(code: number): number {
  return scripts.find(([from]) => code >= from)![1];
}

/** Maximum correction factor. */
const maxScale = 2;
/** Decay of the correction with each request. */
const decay = 0.01;

/**
 * Corrects token estimates that are below the provider's counts, by model. A text that is badly estimated is
 * corrected after one request.
 */
export class TokenScale {
  readonly #scales = new Map<string, number>();

  /** Returns the correction factor for a model's estimates, from 1 to 2. */
  of(model: string): number {
    return this.#scales.get(model) ?? 1;
  }

  /** Updates the factor after a request. Ignores an `actual` of 0. */
  learn(model: string, count: { readonly estimated: number; readonly actual: number }): void {
    const { estimated, actual } = count;
    if (actual <= 0 || estimated <= 0) return;
    const decayed = 1 + (this.of(model) - 1) * (1 - decay);
    const scale = Math.min(maxScale, Math.max(decayed, actual / estimated));
    if (scale > 1) this.#scales.set(model, scale);
  }
}
