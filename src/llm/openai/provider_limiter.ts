/**
 * The way to a provider: so many requests at once, so many in a minute, the others wait in order.
 * Each provider of the client has one.
 */

import { GatewayError } from "../../domain/errors.ts";

/** Requests that may wait for one provider. */
const defaultWaiting = 200;

/** What a {@linkcode ProviderLimiter} is given. A limit that is missing is none. */
export interface ProviderLimiterOptions {
  readonly maxConcurrent?: number;
  readonly requestsPerMinute?: number;
  readonly maxWaiting?: number;
  /** What counts as a minute, milliseconds. */
  readonly minuteMs?: number;
  /** A clock that nobody sets. */
  readonly now?: () => number;
}

interface Waiter {
  readonly enter: () => void;
}

export class ProviderLimiter {
  readonly #maxConcurrent: number;
  readonly #requestsPerMinute: number;
  readonly #maxWaiting: number;
  readonly #minuteMs: number;
  readonly #now: () => number;
  readonly #waiting = new Set<Waiter>();
  /** When the requests of the last minute began, the oldest first. */
  #begun: number[] = [];
  #running = 0;
  #timer?: ReturnType<typeof setTimeout>;

  constructor(options: ProviderLimiterOptions) {
    this.#maxConcurrent = options.maxConcurrent ?? Infinity;
    this.#requestsPerMinute = options.requestsPerMinute ?? Infinity;
    this.#maxWaiting = options.maxWaiting ?? defaultWaiting;
    this.#minuteMs = options.minuteMs ?? 60_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Waits for its turn; gives what ends it, to be called once.
   *
   * @throws {GatewayError} `rate_limited` when too many wait; the signal's reason when it aborts.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#waiting.size > 0 || this.#delayMs() > 0) await this.#wait(signal);
    else this.#begin();
    return () => {
      this.#running--;
      this.#admit();
    };
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= this.#maxWaiting) throw full();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { enter: resolve };
    const onAbort = () => {
      if (!this.#waiting.delete(waiter)) return;
      if (this.#waiting.size === 0) clearTimeout(this.#timer);
      reject(signal.reason);
    };
    this.#waiting.add(waiter);
    signal.addEventListener("abort", onAbort);
    this.#admit();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Lets in whoever may; sets the timer for the next one where only time is missing. */
  #admit(): void {
    clearTimeout(this.#timer);
    for (const waiter of this.#waiting) {
      const delayMs = this.#delayMs();
      if (delayMs > 0) {
        if (delayMs < Infinity) this.#timer = setTimeout(() => this.#admit(), delayMs);
        return;
      }
      this.#waiting.delete(waiter);
      // Counted here, so that the next one in this loop sees it.
      this.#begin();
      waiter.enter();
    }
  }

  #begin(): void {
    this.#running++;
    if (this.#requestsPerMinute < Infinity) this.#begun.push(this.#now());
  }

  /** How long the next request has to wait yet; Infinity where it waits for another's end. */
  #delayMs(): number {
    if (this.#running >= this.#maxConcurrent) return Infinity;
    const now = this.#now();
    while (this.#begun.length > 0 && this.#begun[0]! <= now - this.#minuteMs) this.#begun.shift();
    if (this.#begun.length < this.#requestsPerMinute) return 0;
    return this.#begun[0]! + this.#minuteMs - now;
  }
}

function full(): GatewayError {
  return new GatewayError(
    "rate_limited",
    "Too many requests wait for the model's provider. Try again later.",
    { recoverable: true },
  );
}
