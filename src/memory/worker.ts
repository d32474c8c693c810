/**
 * Works off the memory's outbox in the background: each exchange is added once its turn is over, by
 * users one after the other, again after a failure or a crash. No turn waits for it. Started by the
 * engine, woken by the processor.
 */

import { backoffMs } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { ExchangeStore, WaitingExchange } from "../store/exchange_store.ts";
import { pause, waitAtMost } from "../lib/wait.ts";
import { type Memory, MemoryError } from "./port.ts";

const log = logger("memory", "worker");

/** Exchanges that are added at once, where the options do not say. */
const maxActive = 4;
/** Tries of an exchange that the memory refuses. */
const maxRefusals = 3;
/** An exchange that was tried so often and is so old is given up, whatever the reason. */
const maxAttempts = 20;
const maxAgeMs = 7 * 86_400_000;
/** Pauses after failures in a row. */
const pauses = { firstMs: 1_000, maxMs: 300_000 };
/** How long what is under way may go on at the end, milliseconds. */
const stopMs = 2_000;

/** What a {@linkcode MemoryWorker} is given. */
export interface MemoryWorkerOptions {
  readonly memory: Pick<Memory, "add">;
  readonly exchanges: ExchangeStore;
  /** Exchanges that may wait; the oldest make room. */
  readonly backlog: number;
  /** Exchanges that are added at once. Default: 4. */
  readonly atOnce?: number;
  /** The pause after the first failure, milliseconds. Default: 1000. */
  readonly firstPauseMs?: number;
  readonly now?: () => number;
}

/** How the outbox is. */
export interface WorkerFigures {
  readonly waiting: number;
  /** Exchanges that were given up since the start. */
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

  /** Begins with what an earlier run left. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** There is something new. */
  wake(): void {
    this.#wake.resolve();
  }

  async figures(): Promise<WorkerFigures> {
    const waiting = await this.#options.exchanges.count();
    const error = this.#lastError;
    return { waiting, dropped: this.#dropped, ...(error !== undefined && { last_error: error }) };
  }

  /** Ends; what is not done within two seconds is done after the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.wake();
    await waitAtMost(this.#idle(), stopMs);
    this.#stop.abort(new Error("the gateway stops"));
    await this.#running;
    await this.#idle();
  }

  async #run(): Promise<void> {
    const { atOnce = maxActive } = this.#options;
    while (!this.#stopping) {
      this.#wake = Promise.withResolvers();
      try {
        await this.#trim();
        const begun = this.#failures === 0 ? await this.#beginSome(atOnce) : await this.#probe();
        if (begun && this.#failures === 0) continue;
      } catch (error) {
        // The store: it says so itself, and may take writes again.
        this.#failed(error);
      }
      if (this.#failures === 0) await this.#wake.promise;
      // It may have been woken by the first failure.
      if (this.#failures > 0) await this.#rest();
    }
  }

  /** After a failure one exchange goes ahead: the others follow when it has come through. */
  async #probe(): Promise<boolean> {
    await this.#idle();
    const begun = await this.#beginSome(1);
    await this.#idle();
    if (!begun) this.#works();
    return begun;
  }

  async #idle(): Promise<void> {
    await Promise.all([...this.#active.values()].map(({ done }) => done));
  }

  async #rest(): Promise<void> {
    const { firstPauseMs: firstMs = pauses.firstMs } = this.#options;
    await pause(backoffMs(this.#failures, { ...pauses, firstMs }), this.#stop.signal);
  }

  /** Begins what may run now; false where there was nothing. */
  async #beginSome(most: number): Promise<boolean> {
    const limit = most - this.#active.size;
    if (limit <= 0 || this.#stopping) return false;
    // Users who have one under way must wait.
    const without = [...this.#active.values()].map(({ userKey }) => userKey);
    const waiting = await this.#options.exchanges.waiting({ limit, without });
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

  async #add(exchange: WaitingExchange): Promise<void> {
    const { memory, exchanges } = this.#options;
    const { seq, attempts } = exchange;
    try {
      if (!await exchanges.begin(seq)) return;
      await memory.add(exchange, { repeated: attempts > 0, signal: this.#stop.signal });
      await exchanges.done(seq);
      if (this.#failures > 0) log.info("The memory takes exchanges again");
      this.#works();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (this.#hopeless(exchange, error)) await this.#giveUp(exchange, error);
      else this.#failed(error);
    }
  }

  #hopeless({ attempts, at }: WaitingExchange, error: unknown): boolean {
    const tries = attempts + 1;
    const refused = error instanceof MemoryError && !error.passing;
    return (refused && tries >= maxRefusals) ||
      (tries >= maxAttempts && this.#now() - at > maxAgeMs);
  }

  async #giveUp({ seq, key }: WaitingExchange, error: unknown): Promise<void> {
    this.#dropped++;
    log.warn("Request {request} is not remembered: {error}", {
      request: key,
      error: errorText(error),
    });
    await this.#options.exchanges.done(seq).catch((error) => this.#failed(error));
  }

  #works(): void {
    this.#failures = 0;
    this.#lastError = undefined;
  }

  #failed(error: unknown): void {
    // Without its cause, which may hold what users said: /health shows it.
    this.#lastError = error instanceof Error ? error.message : String(error);
    // Once for a row of failures.
    if (this.#failures++ === 0) {
      log.warn("Exchanges wait to be remembered: {error}", { error: errorText(error) });
    }
  }

  async #trim(): Promise<void> {
    const count = await this.#options.exchanges.trim({ keep: this.#options.backlog });
    if (count === 0) return;
    this.#dropped += count;
    log.warn("{count} exchanges are not remembered: too many wait", { count });
  }
}
