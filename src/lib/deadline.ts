/** The end of a tool's time: its turn was aborted, or the time is over. Used by the executor. */

/** A signal that aborts with the turn's or when the time is over, whichever comes first. */
export class Deadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #turn: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;
  /** Rejects when the signal aborts, so that a tool that does not look at it is left behind. */
  readonly passed: Promise<never>;
  timedOut = false;

  constructor(turn: AbortSignal, timeoutMs: number) {
    this.#turn = turn;
    this.passed = new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason));
    });
    // It may reject when nobody waits any more; that is no fault.
    this.passed.catch(() => {});
    this.#timer = setTimeout(() => {
      this.timedOut = true;
      this.#abort.abort(new DOMException("The tool's time is over", "TimeoutError"));
    }, timeoutMs);
    turn.addEventListener("abort", this.#onTurnAbort);
    if (turn.aborted) this.#onTurnAbort();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#turn.removeEventListener("abort", this.#onTurnAbort);
  }

  readonly #onTurnAbort = () => this.#abort.abort(this.#turn.reason);
}
