/** The part of the store that knows which fire times of a task were handled. Used by the scheduler. */

import type { NewRun } from "./run_store.ts";

/** Where a task stands. Times are milliseconds since the epoch. */
export interface TaskState {
  readonly name: string;
  /** Tells its schedule; another one begins anew. */
  readonly digest: string;
  /** When it was first seen with this schedule: intervals and delays count from here. */
  readonly anchorAt: number;
  /** The latest fire time that was handled, run or skipped. */
  readonly cursorAt?: number;
  readonly lastRunAt?: number;
  readonly runCount: number;
}

/** Which task, under which schedule. */
export interface TaskKey {
  readonly name: string;
  readonly digest: string;
}

/** Tasks. Every method is one transaction. */
export interface TaskStore {
  /** The states of tasks, in their order; a fresh one, anchored at `now`, where a schedule is new. */
  open(
    keys: readonly TaskKey[],
    options: { readonly now: number },
  ): Promise<readonly TaskState[]>;

  /**
   * Takes a fire time to run it: it and all before it are handled. Gives the number of the run, which
   * is noted in the same transaction; undefined where another gateway was first or the schedule is
   * another one by now. Without `fireAt` it is a run by hand, which is no fire time's.
   */
  claim(
    key: TaskKey,
    options: { readonly fireAt?: number; readonly run: NewRun; readonly keep: number },
  ): Promise<number | undefined>;

  /** Notes that a fire time and all before it need no run. */
  skip(key: TaskKey, options: { readonly fireAt: number }): Promise<void>;

  /** Lets intervals count from another time, because the clock was set back. */
  reanchor(key: TaskKey, options: { readonly anchorAt: number }): Promise<void>;
}
