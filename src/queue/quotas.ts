/** The router's limits across channels: bytes of unanswered messages, and concurrent turns. */

/**
 * Bytes of all unanswered messages. An adapter may not hold more than it leaves free for the others,
 * so one that reaches its share is refused while others still have room.
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

/** Limits concurrent turns: those that run, and those reserved for messages being committed. */
export class ConcurrencyLimiter {
  readonly #limit: number;
  #active = 0;
  #reserved = 0;
  #closed = false;
  #onIdle?: () => void;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Number of running turns. */
  get active(): number {
    return this.#active;
  }

  /** Whether another turn may start. */
  get hasCapacity(): boolean {
    return !this.#closed && this.#active + this.#reserved < this.#limit;
  }

  begin(): void {
    this.#active++;
  }

  end(): void {
    this.#active--;
  }

  /** Reserves a turn that is about to start. */
  reserve(): void {
    this.#reserved++;
  }

  release(): void {
    this.#reserved--;
  }

  /** Allows no more turns. Resolves when none is running or reserved; see `notifyIfIdle`. */
  close(): Promise<void> {
    this.#closed = true;
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.notifyIfIdle();
    });
  }

  /** Call this after each change, once a released turn has had the chance to begin. */
  notifyIfIdle(): void {
    if (this.#active + this.#reserved === 0) this.#onIdle?.();
  }
}
