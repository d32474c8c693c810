/**
 * Runs named jobs in the background: one at a time per name, few at once overall, with exponential
 * back-off for names whose last job failed.
 */

import { backoffMs } from "../lib/backoff.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";

const log = logger("summaries");

const retries = { firstMs: 10_000, maxMs: 600_000 };
/** Most names whose failure is remembered. */
const maxFailed = 1_000;

/** A job; it must end soon after the signal aborts. */
export type Job = (signal: AbortSignal) => Promise<void>;

/** Options of {@linkcode BackgroundJobs}. */
export interface BackgroundJobsOptions {
  /** How many jobs run at once. Default: 2. */
  readonly parallel?: number;
  /** A monotonic clock. */
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
   * Runs a job as soon as possible. It replaces a waiting job of the same name and follows a running one.
   * It is ignored during the back-off after a failure: the caller is expected to ask again later.
   */
  run(name: string, job: Job): void {
    if (this.#stop.signal.aborted) return;
    if ((this.#failed.get(name)?.notBefore ?? 0) > this.#now()) return;
    this.#waiting.set(name, job);
    this.#startNext();
  }

  /** Resolves when no job waits or runs. For tests. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Aborts running jobs, drops waiting ones, and resolves when all have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting.clear();
    this.#stop.abort(new Error("the gateway is stopping"));
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
      if (!this.#stop.signal.aborted) this.#backOff(name, error);
    }
    this.#running.delete(name);
    this.#startNext();
  }

  #backOff(name: string, error: unknown): void {
    const failures = (this.#failed.get(name)?.failures ?? 0) + 1;
    const delayMs = backoffMs(failures, retries);
    log.warn("Cannot summarize {name}: {error}; next attempt in {seconds} s at the earliest", {
      name,
      error: errorText(error),
      seconds: delayMs / 1000,
    });
    // The next job of this name would fail too.
    this.#waiting.delete(name);
    if (this.#failed.size >= maxFailed) this.#failed.clear();
    this.#failed.set(name, { failures, notBefore: this.#now() + delayMs });
  }
}
