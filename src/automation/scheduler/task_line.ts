/**
 * The runs of one task, in line: one at a time, and what happens to a fire time that meets a run that
 * still goes on. Used by the scheduler.
 */

import type { RunResult } from "../../store/run_store.ts";
import type { Task } from "./task.ts";

/** A run that waits or goes on. Without `fireAt` it was started by hand. */
export interface Fire {
  readonly fireAt?: number;
  /** Hears how a run by hand went. */
  readonly onEnd?: (result: RunResult | undefined) => void;
}

/** What a {@linkcode TaskRunQueue} is given. */
export interface TaskRunQueueOptions {
  /** Runs the task; must not throw, and ends soon after the signal aborts. */
  readonly run: (fire: Fire, signal: AbortSignal) => Promise<RunResult | undefined>;
  /** Hears of a fire time that is not run because another run goes on. */
  readonly onSkip: (fire: Fire) => void;
}

/** Runs that may wait behind the one that goes on. */
const maxWaiting = 100;

export class TaskRunQueue {
  readonly #options: TaskRunQueueOptions;
  readonly #waiting: Fire[] = [];
  #abort?: AbortController;
  #idle: Promise<void> = Promise.resolve();

  constructor(options: TaskRunQueueOptions) {
    this.#options = options;
  }

  /** Whether a run goes on. */
  get running(): boolean {
    return this.#abort !== undefined;
  }

  /** Runs that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs a fire time now, later or not at all. */
  fire(fire: Fire, overlap: Task["overlap"]): void {
    if (!this.running) {
      this.#idle = this.#work(fire);
      return;
    }
    if (overlap === "skip" || this.#waiting.length >= maxWaiting) return this.#options.onSkip(fire);
    if (overlap === "kill") {
      this.#waiting.splice(0).forEach((older) => this.#options.onSkip(older));
      this.#abort!.abort(new Error("a newer run has taken its place"));
    }
    this.#waiting.push(fire);
  }

  /** Forgets what waits; ends what runs where a reason is given. Resolves when nothing runs. */
  stop(reason?: Error): Promise<void> {
    this.#waiting.length = 0;
    if (reason) this.#abort?.abort(reason);
    return this.#idle;
  }

  async #work(first: Fire): Promise<void> {
    for (let fire: Fire | undefined = first; fire; fire = this.#waiting.shift()) {
      this.#abort = new AbortController();
      const result = await this.#options.run(fire, this.#abort.signal);
      fire.onEnd?.(result);
    }
    this.#abort = undefined;
  }
}
