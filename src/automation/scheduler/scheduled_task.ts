/** A task in the scheduler: which fire times were handled, which are due and which come next. */

import { createHash } from "node:crypto";
import { Backoff } from "../../lib/backoff.ts";
import type { TaskKey, TaskState } from "../../store/run_store.ts";
import { FireTimes } from "./fire_times.ts";
import type { Schedule, Task } from "./task.ts";
import { TaskRunQueue, type TaskRunQueueOptions } from "./run_queue.ts";

/** A task and its state. Times are in milliseconds since the epoch. */
export interface TaskStatus {
  readonly task: Task;
  readonly source: string;
  readonly running: boolean;
  readonly lastRunAt?: number;
  readonly nextRunAt?: number;
  readonly runCount: number;
}

/** A fire time handled later than this was missed, milliseconds. */
const graceMs = 60_000;
/** Most missed fire times that `missed: all` runs. */
const maxMissed = 100;
/** If the clock is set back by more than this, it was wrong before. */
const maxSetBackMs = 86_400_000;
/** The delays before a run that could not start is retried. */
const retries = { firstMs: 10_000, maxMs: 600_000 };

/** Options of {@linkcode ScheduledTask}. */
export interface ScheduledTaskOptions {
  readonly task: Task;
  readonly source: string;
  readonly state: TaskState;
  readonly queue: TaskRunQueueOptions;
}

/** The fire times that are due. */
export interface DueFires {
  /** The fire times to run, in ascending order. */
  readonly fires: readonly number[];
  /** The last fire time that is skipped. */
  readonly skipped?: number;
}

export class ScheduledTask {
  readonly source: string;
  readonly queue: TaskRunQueue;
  readonly key: TaskKey;
  #task: Task;
  #times: FireTimes;
  /** All fire times up to this one were handled. */
  #cursor: number;
  #retryAt?: number;
  readonly #backoff = new Backoff(retries);
  #lastRunAt?: number;
  #runCount: number;

  constructor({ task, source, state, queue }: ScheduledTaskOptions) {
    this.source = source;
    this.key = { name: task.name, digest: state.digest };
    this.queue = new TaskRunQueue(queue);
    this.#task = task;
    this.#times = new FireTimes(task.schedule, state);
    this.#cursor = state.cursorAt ?? initialCursor(task.schedule, state.anchorAt);
    this.#lastRunAt = state.lastRunAt;
    this.#runCount = state.runCount;
  }

  /** Returns the key of a task: if the schedule changes, it counts as a new task. */
  static keyOf({ name, schedule }: Task): TaskKey {
    const hash = createHash("sha256").update(JSON.stringify(schedule)).digest("hex");
    return { name, digest: hash.slice(0, 16) };
  }

  get task(): Task {
    return this.#task;
  }

  /** When to check again what is due. */
  get nextCheckAt(): number | undefined {
    if (!this.#task.enabled) return undefined;
    return this.#retryAt ?? this.#times.next(this.#cursor);
  }

  /** Replaces the definition by one with the same key. */
  update(task: Task, { now }: { readonly now: number }): void {
    // Fire times that passed while the task was disabled were not missed.
    if (task.enabled && !this.#task.enabled) this.#cursor = Math.max(this.#cursor, now);
    this.#task = task;
  }

  /** Returns what is due, and counts it as handled. */
  claimDue(now: number): DueFires {
    const { enabled, missed } = this.#task;
    if (!enabled || (this.#retryAt ?? now) > now) return { fires: [] };
    this.#retryAt = undefined;
    const next = this.#times.next(this.#cursor);
    if (next === undefined || next > now) return { fires: [] };
    const limit = missed === "all" ? maxMissed : 1;
    const due = this.#times.due({ after: this.#cursor, now, limit });
    const fires = due.length > 0 ? due : [next];
    const latest = fires.at(-1)!;
    this.#cursor = latest;
    const late = now - latest > graceMs;
    return missed === "skip" && late ? { fires: [], skipped: latest } : { fires };
  }

  /** Makes a fire time that could not start due again after a delay. */
  retry(fireAt: number, { now }: { readonly now: number }): void {
    this.#cursor = Math.min(this.#cursor, fireAt - 1);
    this.#retryAt = now + this.#backoff.next();
  }

  /**
   * Restarts the schedule at `now` if the clock was set back so far that the task would pause for too
   * long, and returns whether it did. After a smaller step, handled fire times are not repeated.
   */
  restartIfSetBack(now: number): boolean {
    const { schedule } = this.#task;
    if (schedule.type === "one_shot") return false;
    const pauseMs = schedule.type === "cron"
      ? this.#cursor - now - maxSetBackMs
      : this.#times.next(this.#cursor)! - now -
        Math.max(schedule.intervalMs, schedule.delayMs ?? 0);
    if (pauseMs <= 0) return false;
    this.#times = new FireTimes(
      schedule.type === "cron" ? schedule : { ...schedule, delayMs: undefined },
      { anchorAt: now },
    );
    this.#cursor = now;
    return true;
  }

  /** Records that a run has started. */
  recordRun(at: number): void {
    this.#lastRunAt = at;
    this.#runCount++;
    this.#backoff.reset();
  }

  status(now: number): TaskStatus {
    const { task, source, queue } = this;
    return {
      task,
      source,
      running: queue.running,
      lastRunAt: this.#lastRunAt,
      nextRunAt: this.upcoming(now, 1)[0]?.fireAt,
      runCount: this.#runCount,
    };
  }

  /** Returns the next fire times. */
  upcoming(now: number, count: number): readonly { readonly name: string; fireAt: number }[] {
    const found: { name: string; fireAt: number }[] = [];
    if (!this.#task.enabled) return found;
    let after = Math.max(this.#cursor, now - 1);
    while (found.length < count) {
      const fireAt = this.#times.next(after);
      if (fireAt === undefined) break;
      found.push({ name: this.#task.name, fireAt });
      after = fireAt;
    }
    return found;
  }
}

/** Returns up to when a new task's fire times count as handled. */
function initialCursor({ type }: Schedule, anchorAt: number): number {
  switch (type) {
    case "one_shot":
      // The time may be in the past.
      return -Infinity;
    case "interval":
      // The first fire time may be now.
      return anchorAt - 1;
    case "cron":
      return anchorAt;
  }
}
