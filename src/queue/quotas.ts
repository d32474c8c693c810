/** How many bytes the messages take up that are not answered yet, and whose they are. Used by the router. */

/**
 * A sum with a limit, shared by all adapters: none may hold more than it leaves to the others. One that
 * holds all that it may is refused; there is room for another one all the same.
 */
export class ByteQuota {
  readonly #limit: number;
  readonly #byNode = new Map<string, number>();
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The bytes of all. */
  get total(): number {
    return this.#total;
  }

  /** Whether an adapter may hold so many more. */
  fits(nodeId: string, bytes: number): boolean {
    // Nothing is too large for ever: what is alone is taken, whatever the limit.
    if (this.#total === 0) return true;
    const left = this.#limit - this.#total - bytes;
    const own = this.#byNode.get(nodeId) ?? 0;
    return left >= (own === 0 ? 0 : own + bytes);
  }

  add(nodeId: string, bytes: number): void {
    this.#total += bytes;
    this.#byNode.set(nodeId, (this.#byNode.get(nodeId) ?? 0) + bytes);
  }

  /** Takes back what was added. */
  remove(nodeId: string, bytes: number): void {
    this.#total -= bytes;
    const own = this.#byNode.get(nodeId)! - bytes;
    if (own > 0) this.#byNode.set(nodeId, own);
    else this.#byNode.delete(nodeId);
  }
}
