/** How long a channel waits for more of the same before its turn begins. Used by the router. */

/** A wait that each new message prolongs, up to a limit. */
export class Debounce {
  readonly #quietMs: number;
  readonly #over: () => void;
  #timer?: ReturnType<typeof setTimeout>;
  #endAt?: number;

  /**
   * @param quietMs how long it must be quiet; ten times that is the longest wait.
   * @param over is called when the wait is over.
   */
  constructor(quietMs: number, over: () => void) {
    this.#quietMs = quietMs;
    this.#over = over;
  }

  /** Whether the channel waits. */
  get on(): boolean {
    return this.#timer !== undefined;
  }

  /** Begins the wait, or prolongs it. */
  prolong(): void {
    if (this.#quietMs === 0) return;
    const now = performance.now();
    this.#endAt ??= now + 10 * this.#quietMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.release();
      this.#over();
    }, Math.max(0, Math.min(this.#quietMs, this.#endAt - now)));
  }

  /** Ends the wait without a call. */
  release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#endAt = undefined;
  }
}
