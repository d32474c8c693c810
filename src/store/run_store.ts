/** Stores runs of hooks and tasks, and which fire times of a task have been handled. */

/** What ran. */
export type RunKind = "hook" | "task";

/** Result of a run. */
export interface RunResult {
  /** Set if a command exited by itself. */
  readonly exitCode?: number;
  readonly durationMs: number;
  readonly output: string;
  /** Set if it failed. */
  readonly error?: string;
}

/** A run to add, when it starts or when it has ended. */
export interface NewRun {
  readonly kind: RunKind;
  readonly name: string;
  /** What it ran for: an event's name, a fire time (ISO 8601), or `manual`. */
  readonly trigger: string;
  readonly startedAt: number;
  /** Unset while it runs. */
  readonly result?: RunResult;
}

/** A stored run. Ids rise in the order of addition. */
export interface Run extends NewRun {
  readonly id: number;
}

/** Stores the newest runs of each hook and task. */
export interface RunStore {
  /** Adds a run, deletes the oldest of the same kind and name beyond `keep`, and returns its id. */
  add(run: NewRun, options: { readonly keep: number }): Promise<number>;

  /** Sets the result of a run. Ignores a run that no longer exists. */
  finish(id: number, result: RunResult): Promise<void>;

  /** Returns the newest runs, the newest first. */
  recent(
    options: { readonly kind: RunKind; readonly name?: string; readonly limit: number },
  ): Promise<readonly Run[]>;

  /**
   * Sets this result for all runs without one, which a crash interrupted, and returns them in any order.
   */
  closeInterrupted(result: RunResult): Promise<readonly Run[]>;
}

/** A task under one schedule. */
export interface TaskKey {
  readonly name: string;
  /** Hash of the schedule. */
  readonly digest: string;
}

/** A task's progress. */
export interface TaskState extends TaskKey {
  /** When it was first seen with this schedule. Intervals and delays count from here. */
  readonly anchorAt: number;
  /** The latest fire time that was handled: run or skipped. */
  readonly cursorAt?: number;
  readonly lastRunAt?: number;
  readonly runCount: number;
}

/** Stores tasks. Calls with a digest other than the registered one change nothing. */
export interface TaskStore {
  /**
   * Registers tasks and returns their states in the order of `keys`. A new task, or one with a new digest,
   * is anchored at `now` without a cursor. `lastRunAt` and `runCount` survive a new digest.
   */
  register(
    keys: readonly TaskKey[],
    options: { readonly now: number },
  ): Promise<readonly TaskState[]>;

  /**
   * Claims a fire time: marks it and all earlier ones as handled, counts and adds the run as
   * `RunStore.add` does, and returns the run's id. Returns `undefined` if the fire time is already handled,
   * or the task is not registered with this digest. Of concurrent calls for a fire time, one succeeds.
   * Without `fireAt` it is a manual run, which handles no fire time.
   */
  claim(
    key: TaskKey,
    options: { readonly fireAt?: number; readonly run: NewRun; readonly keep: number },
  ): Promise<number | undefined>;

  /** Marks a fire time and all earlier ones as handled, without a run. */
  skip(key: TaskKey, options: { readonly fireAt: number }): Promise<void>;

  /** Moves the anchor and clears the cursor, after the clock was set back. */
  reanchor(key: TaskKey, options: { readonly anchorAt: number }): Promise<void>;
}
