/** A time limit for one operation. */

/** Options of a {@linkcode Deadline}. */
export interface DeadlineOptions {
  /** How long the operation may take, milliseconds. */
  readonly ms: number;
  /** Aborts the operation earlier. */
  readonly signal?: AbortSignal;
  /** Why the operation was aborted when the time is up. Default: "no answer within … s". */
  readonly reason?: Error;
}

/** The default reason of a {@linkcode Deadline} that has passed. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * Aborts its signal when the time is up or the outer signal aborts, whichever comes first. Disposing of
 * it clears the timer, which `AbortSignal.timeout` cannot do.
 */
export class Deadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #outer?: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #passed: Promise<never>;
  #timedOut = false;

  constructor({ ms, signal: outer, reason }: DeadlineOptions) {
    this.#outer = outer;
    this.#passed = new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason));
    });
    // It may reject when nobody is racing against it.
    this.#passed.catch(() => {});
    this.#timer = setTimeout(() => {
      this.#timedOut = !this.signal.aborted;
      this.#abort.abort(reason ?? new TimeoutError(`no answer within ${ms / 1000} s`));
    }, ms);
    outer?.addEventListener("abort", this.#onOuterAbort);
    if (outer?.aborted) this.#onOuterAbort();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether the time ran out, as opposed to an abort from outside. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /**
   * Settles as the operation does.
   *
   * @throws the signal's reason when it aborts first, even if the operation ignores the signal.
   */
  race<T>(operation: Promise<T>): Promise<T> {
    return Promise.race([operation, this.#passed]);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#onOuterAbort);
  }

  readonly #onOuterAbort = () => this.#abort.abort(this.#outer!.reason);
}
