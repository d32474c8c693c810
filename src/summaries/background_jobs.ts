/**
 * Work that nobody waits for: one at a time under a name, few at once, put off where it fails. Used by
 * the summaries.
 */

import { backoffMs } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";

const log = logger("summaries");

const retries = { firstMs: 10_000, maxMs: 600_000 };
/** How many names that failed are remembered. */
const maxFailed = 1_000;

/** A piece of work; it ends soon after the signal aborts. */
export type Job = (signal: AbortSignal) => Promise<void>;

/** What {@linkcode BackgroundJobs} are given. */
export interface BackgroundJobsOptions {
  /** How many run at once. Default: 2. */
  readonly parallel?: number;
  /** A clock that nobody sets. */
  readonly now?: () => number;
}

export class BackgroundJobs implements AsyncDisposable {
  readonly #parallel: number;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Job>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, { readonly failures: number; readonly notBefore: number }>();
  readonly #stop = new AbortController();

  constructor({ parallel = 2, now = () => performance.now() }: BackgroundJobsOptions = {}) {
    this.#parallel = parallel;
    this.#now = now;
  }

  /**
   * Has work done when there is room. One that waits under the same name makes way; one that runs is
   * followed. One that has just failed is not tried again yet: whoever needs it asks again.
   */
  run(name: string, job: Job): void {
    if (this.#stop.signal.aborted) return;
    if ((this.#failed.get(name)?.notBefore ?? 0) > this.#now()) return;
    this.#waiting.set(name, job);
    this.#startNext();
  }

  /** Resolves when nothing waits or runs. For tests. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Aborts what runs and starts nothing more; resolves when it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting.clear();
    this.#stop.abort(new Error("the gateway stops"));
    await this.idle();
  }

  #startNext(): void {
    for (const [name, job] of this.#waiting) {
      if (this.#running.size >= this.#parallel) return;
      if (this.#running.has(name)) continue;
      this.#waiting.delete(name);
      this.#running.set(name, this.#run(name, job));
    }
  }

  async #run(name: string, job: Job): Promise<void> {
    try {
      await job(this.#stop.signal);
      this.#failed.delete(name);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#putOff(name, error);
    }
    this.#running.delete(name);
    this.#startNext();
  }

  #putOff(name: string, error: unknown): void {
    const failures = (this.#failed.get(name)?.failures ?? 0) + 1;
    const delayMs = backoffMs(failures, retries);
    log.warn("Cannot sum up {name}: {error}; not tried again for {seconds} s", {
      name,
      error: errorText(error),
      seconds: delayMs / 1000,
    });
    // It would fail as well; whoever needs it asks again.
    this.#waiting.delete(name);
    if (this.#failed.size >= maxFailed) this.#failed.clear();
    this.#failed.set(name, { failures, notBefore: this.#now() + delayMs });
  }
}
