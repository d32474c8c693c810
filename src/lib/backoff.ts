/** Exponential back-off. Every retry in the gateway takes its delays from here. */

/** Options of {@linkcode backoffMs} and {@linkcode Backoff}. */
export interface BackoffOptions {
  /** The first delay, milliseconds. */
  readonly firstMs: number;
  /** The longest delay, milliseconds. Default: no limit. */
  readonly maxMs?: number;
  /** How much longer each delay is than the last. Default: 2. */
  readonly factor?: number;
  /** The share of a delay that is random, from 0 to 1, so that many clients spread out. Default: 0. */
  readonly jitter?: number;
  /** Default: `Math.random`. */
  readonly random?: () => number;
}

/** The delay after this many failures in a row (1 or more), milliseconds. */
export function backoffMs(failures: number, options: BackoffOptions): number {
  const { firstMs, maxMs = Infinity, factor = 2, jitter = 0, random = Math.random } = options;
  // The exponent is capped: 0 ms times infinity is not a number.
  const delayMs = Math.min(firstMs * factor ** Math.min(failures - 1, 60), maxMs);
  return jitter === 0 ? delayMs : delayMs * (1 - jitter + jitter * random());
}

/** Counts the failures of one thing and returns the next delay. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Counts a failure and returns the delay before the next attempt, milliseconds. */
  next(): number {
    return backoffMs(++this.#failures, this.#options);
  }

  /** Starts over with the first delay. */
  reset(): void {
    this.#failures = 0;
  }
}
