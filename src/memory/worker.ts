/**
 * Works through the memory's outbox in the background: teaches the backend each exchange after its turn,
 * one at a time per user, with retries after failures and crashes. No turn waits for it.
 */

import { backoffMs } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { ExchangeStore, PendingExchange } from "../store/exchange_store.ts";
import { pause, waitAtMost } from "../lib/wait.ts";
import { type MemoryBackend, MemoryError } from "./port.ts";

const log = logger("memory", "worker");

/** Attempts for an exchange that the backend rejects. */
const maxRejections = 3;
/** An exchange is dropped after this many attempts at this age, whatever the reason. */
const maxAttempts = 20;
const maxAgeMs = 7 * 86_400_000;
const retries = { firstMs: 1_000, maxMs: 300_000 };
/** How long running work may take to finish on shutdown, milliseconds. */
const drainMs = 2_000;

/** Options of {@linkcode MemoryWorker}. */
export interface MemoryWorkerOptions {
  readonly backend: Pick<MemoryBackend, "add">;
  readonly exchanges: ExchangeStore;
  /** How many exchanges may wait; beyond that the oldest are dropped. */
  readonly backlog: number;
  /** Exchanges learned concurrently. Default: 4. */
  readonly concurrency?: number;
  /** The delay after the first failure, milliseconds; it doubles with each further one. Default: 1000. */
  readonly firstDelayMs?: number;
  readonly now?: () => number;
}

/** The state of the outbox. */
export interface WorkerFigures {
  readonly waiting: number;
  /** Exchanges dropped since the start. */
  readonly dropped: number;
  readonly last_error?: string;
}

export class MemoryWorker implements AsyncDisposable {
  readonly #options: MemoryWorkerOptions;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #active = new Map<number, { readonly userKey: string; readonly done: Promise<void> }>();
  #wake = Promise.withResolvers<void>();
  #running?: Promise<void>;
  #stopping = false;
  #failures = 0;
  #dropped = 0;
  #lastError?: string;

  constructor(options: MemoryWorkerOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Starts with what an earlier run left in the outbox. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Call after an exchange was put into the outbox. */
  wake(): void {
    this.#wake.resolve();
  }

  async figures(): Promise<WorkerFigures> {
    const waiting = await this.#options.exchanges.count();
    const error = this.#lastError;
    return { waiting, dropped: this.#dropped, ...(error !== undefined && { last_error: error }) };
  }

  /** Stops; what is not done within two seconds is retried after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.wake();
    await waitAtMost(this.#idle(), drainMs);
    this.#stop.abort(new Error("the gateway is stopping"));
    await this.#running;
    await this.#idle();
  }

  async #run(): Promise<void> {
    const { concurrency = 4 } = this.#options;
    while (!this.#stopping) {
      this.#wake = Promise.withResolvers();
      try {
        await this.#trim();
        const started = this.#failures === 0
          ? await this.#startNext(concurrency)
          : await this.#probe();
        if (started && this.#failures === 0) continue;
      } catch (error) {
        // The store logs its own failures; it may accept writes again later.
        this.#onFailure(error);
      }
      if (this.#failures === 0) await this.#wake.promise;
      // Checked again, because a first failure also wakes the worker.
      if (this.#failures > 0) await this.#backOff();
    }
  }

  /** After a failure, tries a single exchange; the others follow once it succeeds. */
  async #probe(): Promise<boolean> {
    await this.#idle();
    const started = await this.#startNext(1);
    await this.#idle();
    if (!started) this.#onSuccess();
    return started;
  }

  async #idle(): Promise<void> {
    await Promise.all([...this.#active.values()].map(({ done }) => done));
  }

  async #backOff(): Promise<void> {
    const { firstDelayMs: firstMs = retries.firstMs } = this.#options;
    await pause(backoffMs(this.#failures, { ...retries, firstMs }), this.#stop.signal);
  }

  /** Starts what may run now; returns false if there was nothing. */
  async #startNext(concurrency: number): Promise<boolean> {
    const limit = concurrency - this.#active.size;
    if (limit <= 0 || this.#stopping) return false;
    const busyUsers = [...this.#active.values()].map(({ userKey }) => userKey);
    const waiting = await this.#options.exchanges.pending({ limit, without: busyUsers });
    for (const exchange of waiting) {
      const { seq, userKey } = exchange;
      const done = this.#add(exchange).finally(() => {
        this.#active.delete(seq);
        this.wake();
      });
      this.#active.set(seq, { userKey, done });
    }
    return waiting.length > 0;
  }

  async #add(exchange: PendingExchange): Promise<void> {
    const { backend, exchanges } = this.#options;
    const { seq, attempts } = exchange;
    try {
      if (!await exchanges.recordAttempt(seq)) return;
      await backend.add(exchange, { isRetry: attempts > 0, signal: this.#stop.signal });
      await exchanges.remove(seq);
      if (this.#failures > 0) log.info("The memory accepts exchanges again");
      this.#onSuccess();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (this.#isHopeless(exchange, error)) await this.#drop(exchange, error);
      else this.#onFailure(error);
    }
  }

  #isHopeless({ attempts: before, at }: PendingExchange, error: unknown): boolean {
    const attempts = before + 1;
    const rejected = error instanceof MemoryError && !error.transient;
    return (rejected && attempts >= maxRejections) ||
      (attempts >= maxAttempts && this.#now() - at > maxAgeMs);
  }

  async #drop({ seq, key }: PendingExchange, error: unknown): Promise<void> {
    this.#dropped++;
    log.warn("Cannot learn from request {request}, dropped: {error}", {
      request: key,
      error: errorText(error),
    });
    await this.#options.exchanges.remove(seq).catch((error) => this.#onFailure(error));
  }

  #onSuccess(): void {
    this.#failures = 0;
    this.#lastError = undefined;
  }

  #onFailure(error: unknown): void {
    // /health shows it, so leave out the cause, which may contain user text.
    this.#lastError = error instanceof Error ? error.message : String(error);
    // Log only the first of consecutive failures.
    if (this.#failures++ === 0) {
      log.warn("Cannot learn from exchanges, will retry: {error}", { error: errorText(error) });
    }
  }

  async #trim(): Promise<void> {
    const count = await this.#options.exchanges.trim({ keep: this.#options.backlog });
    if (count === 0) return;
    this.#dropped += count;
    log.warn("Dropped {count} exchanges without learning from them: the backlog is full", {
      count,
    });
  }
}
