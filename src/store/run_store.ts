/** The part of the store that keeps how hooks and tasks went. Used by their runners. */

/** What ran. */
export type RunKind = "hook" | "task";

/** How it went. */
export interface RunResult {
  /** Of a command that ended by itself. */
  readonly exitCode?: number;
  readonly durationMs: number;
  readonly output: string;
  /** Why it failed; missing where it did not. */
  readonly error?: string;
}

/** A run that begins, or that is told of when it is over. */
export interface NewRun {
  readonly kind: RunKind;
  readonly name: string;
  /** What it was for: an event's name, a fire time (ISO 8601), or `manual`. */
  readonly trigger: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Missing while it runs. */
  readonly result?: RunResult;
}

/** A run with its number, in order of their beginning. */
export interface Run extends NewRun {
  readonly id: number;
}

/** Runs, the newest of each hook and task. Every method is one transaction. */
export interface RunStore {
  /** Notes a run and drops the oldest of the same name past `keep`; gives its number. */
  add(run: NewRun, options: { readonly keep: number }): Promise<number>;
  /** Gives a run its result. */
  finish(id: number, result: RunResult): Promise<void>;
  /** The newest runs, the newest first. */
  recent(
    options: { readonly kind: RunKind; readonly name?: string; readonly limit: number },
  ): Promise<readonly Run[]>;
  /** Gives all runs without a result this one, and gives them back: a crash has cut them off. */
  closeInterrupted(result: RunResult): Promise<readonly Run[]>;
}
