/**
 * Limits concurrent requests and requests per minute to a provider. Further requests wait in order.
 */

import { GatewayError } from "../../domain/errors.ts";

/** Maximum number of waiting requests per provider. */
const defaultWaiting = 200;

/** Options of a {@linkcode ProviderLimiter}. Limits that are not set do not apply. */
export interface ProviderLimiterOptions {
  readonly maxConcurrent?: number;
  readonly requestsPerMinute?: number;
  readonly maxWaiting?: number;
  /** Length of a minute, milliseconds. Shorter in tests. */
  readonly minuteMs?: number;
  /** A monotonic clock. */
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
  /** Start times of the last minute's requests, oldest first. */
  #starts: number[] = [];
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
   * Waits for a slot. Returns a function that releases it, to be called once.
   *
   * @throws {GatewayError} `rate_limited` if too many requests wait; the signal's reason if it aborts.
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
    if (this.#waiting.size >= this.#maxWaiting) throw queueFull();
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

  /** Starts waiting requests that fit the limits. Sets a timer if the next one only needs time to pass. */
  #admit(): void {
    clearTimeout(this.#timer);
    for (const waiter of this.#waiting) {
      const delayMs = this.#delayMs();
      if (delayMs > 0) {
        if (delayMs < Infinity) this.#timer = setTimeout(() => this.#admit(), delayMs);
        return;
      }
      this.#waiting.delete(waiter);
      // Counted here, so that the next iteration sees it.
      this.#begin();
      waiter.enter();
    }
  }

  #begin(): void {
    this.#running++;
    if (this.#requestsPerMinute < Infinity) this.#starts.push(this.#now());
  }

  /** Returns how long the next request has to wait; Infinity if it waits for another to end. */
  #delayMs(): number {
    if (this.#running >= this.#maxConcurrent) return Infinity;
    const now = this.#now();
    while (this.#starts.length > 0 && this.#starts[0]! <= now - this.#minuteMs) {
      this.#starts.shift();
    }
    if (this.#starts.length < this.#requestsPerMinute) return 0;
    return this.#starts[0]! + this.#minuteMs - now;
  }
}

/** The error for a request that cannot wait any longer, or at all. */
export function queueFull(cause?: unknown): GatewayError {
  return new GatewayError(
    "rate_limited",
    "Too many requests are waiting for the model's provider. Try again later.",
    { recoverable: true, cause },
  );
}
