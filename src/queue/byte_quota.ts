/**
 * Limits the bytes of all unanswered messages. An adapter may not hold more than it leaves free for the
 * others, so one that reaches its share is refused while others still have room.
 */
export class ByteQuota {
  readonly #limit: number;
  readonly #byNode = new Map<string, number>();
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get total(): number {
    return this.#total;
  }

  /** Whether an adapter may hold `bytes` more. */
  fits(nodeId: string, bytes: number): boolean {
    // A single message is accepted at any size; otherwise a large one could never get in.
    if (this.#total === 0) return true;
    const left = this.#limit - this.#total - bytes;
    const own = this.#byNode.get(nodeId) ?? 0;
    return left >= (own === 0 ? 0 : own + bytes);
  }

  add(nodeId: string, bytes: number): void {
    this.#total += bytes;
    this.#byNode.set(nodeId, (this.#byNode.get(nodeId) ?? 0) + bytes);
  }

  remove(nodeId: string, bytes: number): void {
    this.#total -= bytes;
    const own = this.#byNode.get(nodeId)! - bytes;
    if (own > 0) this.#byNode.set(nodeId, own);
    else this.#byNode.delete(nodeId);
  }
}
