/** What a program prints, within a limit: its beginning and its end. Used by shell commands. */

/** Keeps the first and the last half of a limit's worth of bytes. */
export class OutputCap {
  readonly #half: number;
  readonly #head: Uint8Array[] = [];
  #headSize = 0;
  #tail = new Uint8Array();
  #total = 0;

  /** @param maxBytes what is kept; the rest is counted only. */
  constructor(maxBytes: number) {
    this.#half = Math.floor(maxBytes / 2);
  }

  /** All bytes that came. */
  get total(): number {
    return this.#total;
  }

  add(bytes: Uint8Array): void {
    this.#total += bytes.length;
    const room = this.#half - this.#headSize;
    if (room > 0) {
      const first = bytes.slice(0, room);
      this.#head.push(first);
      this.#headSize += first.length;
      bytes = bytes.subarray(room);
    }
    if (bytes.length === 0) return;
    const kept = bytes.subarray(-this.#half);
    const before = this.#tail.subarray(Math.max(0, this.#tail.length + kept.length - this.#half));
    this.#tail = new Uint8Array(before.length + kept.length);
    this.#tail.set(before);
    this.#tail.set(kept, before.length);
  }

  /** What was kept, as text; says how much is missing where something is. */
  text(): string {
    const missing = this.#total - this.#headSize - this.#tail.length;
    if (missing === 0) return decode([...this.#head, this.#tail]);
    return `${decode(this.#head)}\n[${missing} bytes are not kept]\n${decode([this.#tail])}`;
  }
}

function decode(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}
