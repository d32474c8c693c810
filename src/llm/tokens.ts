/**
 * How many tokens a text has, roughly: where a budget is kept, the model's own tokenizer is not at
 * hand (each family has another one, of megabytes). docs/context.md says how far off it is.
 */

import type { LlmMessage } from "./client.ts";

/** What a message takes beside its text: its role and its bounds. */
const messageTokens = 4;
/** What an image takes, whatever its size: providers shrink large ones to about this. */
const imageTokens = 1_500;

/** The kinds of characters between which a tokenizer cuts. */
const lower = 0, upper = 1, digit = 2, space = 3, sign = 4, accented = 5, wide = 6;

const asciiKinds = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code >= 97 && code <= 122) return lower;
  if (code >= 65 && code <= 90) return upper;
  if (code >= 48 && code <= 57) return digit;
  return code === 32 ? space : sign;
});

/** Tokens of one UTF-16 unit, by where its script begins; newer tokenizers need fewer. */
const scripts: readonly (readonly [from: number, tokens: number])[] = [
  [0xe000, 1.2],
  // The halves of an emoji.
  [0xd800, 1.5],
  // Signs, Chinese, Japanese, Korean.
  [0x2000, 1.2],
  // Thai and its neighbours.
  [0xe00, 0.85],
  // The scripts of India.
  [0x900, 1],
  // Hebrew, Arabic.
  [0x530, 0.85],
  // Cyrillic.
  [0x400, 0.55],
  // Greek.
  [0x370, 0.7],
];

/** Estimates the tokens of a text: meant to be a little too high rather than too low. */
export function estimateTokens(text: string): number {
  let tokens = 0;
  let kind = space;
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    const next = code < 128 ? asciiKinds[code]! : code < 0x370 ? accented : wide;
    // A capital begins a word, and a letter with an accent stands within one.
    const within = next === kind || kind === upper && next === lower && length === 1 ||
      kind === lower && next === accented;
    if (!within) {
      tokens += runTokens(kind, length);
      // Before digits, a space is a token of its own.
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

/** Estimates the tokens of a message with all that it carries; the same object is counted once. */
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

/** The tokens of a run of characters of one kind. */
function runTokens(kind: number, length: number): number {
  if (length === 0) return 0;
  switch (kind) {
    case lower:
      // Short words are one token; what is very long is no word.
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
