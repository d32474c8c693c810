/** Limits how many operations run at once. Waiting ones are admitted in the order they arrived. */

export class Semaphore {
  readonly #capacity: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Slots in use. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether a slot is free. */
  get free(): boolean {
    return this.#taken < this.#capacity;
  }

  /** Takes a slot if one is free. Disposing of it returns it. */
  tryAcquire(): Disposable | undefined {
    if (!this.free) return undefined;
    this.#taken++;
    return this.#slot();
  }

  /**
   * Waits for a slot. Disposing of it returns it.
   *
   * @throws the signal's reason when it aborts first.
   */
  async acquire(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    const slot = this.tryAcquire();
    if (slot) return slot;
    await this.#wait(signal);
    return this.#slot();
  }

  #slot(): Disposable {
    return { [Symbol.dispose]: () => this.#release() };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(admit);
        reject(signal.reason);
      };
      const admit = () => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(admit);
    });
  }

  /** The slot goes straight to whoever has waited longest, so nobody can take it in between. */
  #release(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#taken--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
