/** The runs of one task: one at a time, with a policy for fire times during a run. */

import type { RunResult } from "../../store/run_store.ts";
import type { Task } from "./task.ts";

/** A requested run; without `fireAt` it was started manually. */
export interface Fire {
  readonly fireAt?: number;
  /** Called with the result of a manual run. */
  readonly onEnd?: (result: RunResult | undefined) => void;
}

/** Options of {@linkcode TaskRunQueue}. */
export interface TaskRunQueueOptions {
  /** Runs the task; must not reject, and must end soon after the signal aborts. */
  readonly run: (fire: Fire, signal: AbortSignal) => Promise<RunResult | undefined>;
  /** Called for a fire time that does not run because of another run. */
  readonly onSkip: (fire: Fire) => void;
}

/** Most runs that wait. */
const maxWaiting = 100;

export class TaskRunQueue {
  readonly #options: TaskRunQueueOptions;
  readonly #waiting: Fire[] = [];
  #abort?: AbortController;
  #idle: Promise<void> = Promise.resolve();

  constructor(options: TaskRunQueueOptions) {
    this.#options = options;
  }

  /** Whether a run is in progress. */
  get running(): boolean {
    return this.#abort !== undefined;
  }

  /** The number of waiting runs. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Starts a run now, later or not at all, as the overlap policy says. */
  fire(fire: Fire, overlap: Task["overlap"]): void {
    if (!this.running) {
      this.#idle = this.#work(fire);
      return;
    }
    if (overlap === "skip" || this.#waiting.length >= maxWaiting) return this.#options.onSkip(fire);
    if (overlap === "kill") {
      this.#waiting.splice(0).forEach((older) => this.#options.onSkip(older));
      this.#abort!.abort(new Error("replaced by a newer run"));
    }
    this.#waiting.push(fire);
  }

  /** Drops waiting runs, and aborts the one in progress if there is a reason. Resolves when idle. */
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
