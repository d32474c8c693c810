/**
 * One task in the scheduler: which of its times were handled, which come next. Decides what is due;
 * the scheduler runs it.
 */

import { createHash } from "node:crypto";
import { Backoff } from "../../lib/backoff.ts";
import type { TaskKey, TaskState } from "../../store/task_store.ts";
import { FireTimes } from "./fire_times.ts";
import type { Schedule, Task } from "./task.ts";
import { TaskRunQueue, type TaskRunQueueOptions } from "./task_line.ts";

/** A task, and where it stands. Times are milliseconds since the epoch. */
export interface TaskStatus {
  readonly task: Task;
  readonly source: string;
  readonly running: boolean;
  readonly lastRunAt?: number;
  readonly nextRunAt?: number;
  readonly runCount: number;
}

/** A fire time that is taken up so late was missed, milliseconds. */
const graceMs = 60_000;
/** Missed fire times that `missed: all` runs. */
const maxMissed = 100;
/** A clock that was ahead by more was wrong, and is right now. */
const wrongClockMs = 86_400_000;
/** When a run that could not start is tried again. */
const retries = { firstMs: 10_000, maxMs: 600_000 };

/** What a {@linkcode ScheduledTask} is made of. */
export interface ScheduledTaskOptions {
  readonly task: Task;
  readonly source: string;
  readonly state: TaskState;
  readonly line: TaskRunQueueOptions;
}

/** What is to be done now. */
export interface DueWork {
  /** The fire times to run, the oldest first. */
  readonly fires: readonly number[];
  /** The newest of those that are not run. */
  readonly skipped?: number;
}

export class ScheduledTask {
  readonly source: string;
  readonly line: TaskRunQueue;
  readonly key: TaskKey;
  #task: Task;
  #times: FireTimes;
  /** All fire times up to here were handled. */
  #cursor: number;
  #retryAt?: number;
  readonly #backoff = new Backoff(retries);
  #lastRunAt?: number;
  #runCount: number;

  constructor({ task, source, state, line }: ScheduledTaskOptions) {
    this.source = source;
    this.key = { name: task.name, digest: state.digest };
    this.line = new TaskRunQueue(line);
    this.#task = task;
    this.#times = new FireTimes(task.schedule, state);
    this.#cursor = state.cursorAt ?? before(task.schedule, state.anchorAt);
    this.#lastRunAt = state.lastRunAt;
    this.#runCount = state.runCount;
  }

  /** Tells one schedule from another: with a new one a task begins anew. */
  static keyOf({ name, schedule }: Task): TaskKey {
    const hash = createHash("sha256").update(JSON.stringify(schedule)).digest("hex");
    return { name, digest: hash.slice(0, 16) };
  }

  get task(): Task {
    return this.#task;
  }

  /** When it is worth to look at the clock again. */
  get nextLook(): number | undefined {
    if (!this.#task.enabled) return undefined;
    return this.#retryAt ?? this.#times.next(this.#cursor);
  }

  /** Takes a changed definition of the same key. */
  change(task: Task, { now }: { readonly now: number }): void {
    // What fell into the time while it was switched off was not missed.
    if (task.enabled && !this.#task.enabled) this.#cursor = Math.max(this.#cursor, now);
    this.#task = task;
  }

  /** What is due; it counts as handled from now on. */
  takeDue(now: number): DueWork {
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

  /** A fire time could not be begun: it is due again, a little later. */
  retry(fireAt: number, { now }: { readonly now: number }): void {
    this.#cursor = Math.min(this.#cursor, fireAt - 1);
    this.#retryAt = now + this.#backoff.next();
  }

  /**
   * Whether the clock was set back so far that the task would fall silent; its times then count from
   * now on. Less than that, and fire times that were handled are not repeated.
   */
  setBack(now: number): boolean {
    const { schedule } = this.#task;
    if (schedule.type === "one_shot") return false;
    const silentMs = schedule.type === "cron"
      ? this.#cursor - now - wrongClockMs
      : this.#times.next(this.#cursor)! - now -
        Math.max(schedule.intervalMs, schedule.delayMs ?? 0);
    if (silentMs <= 0) return false;
    this.#times = new FireTimes(
      schedule.type === "cron" ? schedule : { ...schedule, delayMs: undefined },
      { anchorAt: now },
    );
    this.#cursor = now;
    return true;
  }

  /** Notes a run. */
  noteRun(at: number): void {
    this.#lastRunAt = at;
    this.#runCount++;
    this.#backoff.reset();
  }

  status(now: number): TaskStatus {
    const { task, source, line } = this;
    return {
      task,
      source,
      running: line.running,
      lastRunAt: this.#lastRunAt,
      nextRunAt: this.upcoming(now, 1)[0]?.fireAt,
      runCount: this.#runCount,
    };
  }

  /** Its next fire times. */
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

/** What of a task that is seen for the first time counts as handled. */
function before({ type }: Schedule, anchorAt: number): number {
  switch (type) {
    case "one_shot":
      // Its time may lie in the past.
      return -Infinity;
    case "interval":
      // Its first time may be now.
      return anchorAt - 1;
    case "cron":
      return anchorAt;
  }
}
