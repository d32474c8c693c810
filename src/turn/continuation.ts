/**
 * Joins a continuation to the text before it so that no seam shows: models like to repeat the last
 * words when they go on. Used when a reply was cut for its length.
 */

/** How far back a repetition is looked for, and how short one is taken for chance. Characters. */
const reach = 200;
const shortest = 8;

/** Holds back the beginning of a continuation for as long as it may be a repetition. */
export class ContinuationDeduplicator {
  readonly #tail: string;
  #held = "";
  #open = true;

  /** @param before the text that the continuation follows. */
  constructor(before: string) {
    this.#tail = before.slice(-reach);
  }

  /** Takes a delta of the continuation; gives what may be shown of it by now. */
  add(delta: string): string {
    if (!this.#open) return delta;
    this.#held += delta;
    if (this.#mayRepeat()) return "";
    return this.flush();
  }

  /** The continuation is over, or cannot be a repetition: gives what is held back, less that. */
  flush(): string {
    if (!this.#open) return "";
    this.#open = false;
    const held = this.#held;
    for (let length = Math.min(held.length, this.#tail.length); length >= shortest; length--) {
      if (this.#tail.endsWith(held.slice(0, length))) return held.slice(length);
    }
    return held;
  }

  /** Whether the whole of what is held occurs as the beginning of some end of the tail. */
  #mayRepeat(): boolean {
    return this.#held.length < this.#tail.length && this.#tail.includes(this.#held);
  }
}
