/**
 * When and how an answer goes on by itself: after it was cut off for its length, and after the model only asked for
 * permission to proceed.
 */

/** How far back a repetition is searched, and the shortest that counts as one. Characters. */
const reach = 200;
const shortest = 8;

/** Removes the words that a model repeats at the start of a continuation. */
export class ContinuationDeduplicator {
  readonly #tail: string;
  #held = "";
  #open = true;

  /** @param before the text that is continued. */
  constructor(before: string) {
    this.#tail = before.slice(-reach);
  }

  /** Takes a delta of the continuation; returns what can be shown so far. */
  add(delta: string): string {
    if (!this.#open) return delta;
    this.#held += delta;
    if (this.#mayRepeat()) return "";
    return this.flush();
  }

  /** Returns what was held back, without the repetition. */
  flush(): string {
    if (!this.#open) return "";
    this.#open = false;
    const held = this.#held;
    for (let length = Math.min(held.length, this.#tail.length); length >= shortest; length--) {
      if (this.#tail.endsWith(held.slice(0, length))) return held.slice(length);
    }
    return held;
  }

  /** Whether everything held back may still be the start of a repetition. */
  #mayRepeat(): boolean {
    return this.#held.length < this.#tail.length && this.#tail.includes(this.#held);
  }
}

/** Questions for permission, at the start of a sentence or after a comma. */
const questions = [
  /(?:^|[,;:–-] )(?:(?:so|ok|okay|now|then|and|or|well),? )*(?:shall|should) (?:i|we)\b[^?]*\?$/i,
  /\b(?:do you want|would you like|want) me to\b[^?]*\?$/i,
  /(?:^|[,;:–-] )(?:may|can|could) i (?:now )?(?:proceed|continue|go ahead|start)\b[^?]*\?$/i,
  /(?:^|[,;:–-] )(?:ready to )?(?:proceed|continue|go ahead)\?$/i,
];

/** Whether a text ends by asking for permission, such as "I found two files. Shall I proceed?". */
export function asksForPermission(text: string): boolean {
  const end = text.trimEnd().slice(-300);
  // A full stop within a word (main.ts, 2.4.2) does not end a sentence.
  const sentence = end.split(/(?<=[.!?…])\s+|\n+/).at(-1) ?? "";
  return questions.some((question) => question.test(sentence.replace(/^[\W_]+/, "")));
}
