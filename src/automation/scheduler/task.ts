/** What a scheduled task is. Files and plugins make them; the scheduler runs them. */

/** When a task runs. Times are milliseconds. */
export type Schedule =
  /** Every so often, the first time after `delayMs` or one interval. */
  | { readonly type: "interval"; readonly intervalMs: number; readonly delayMs?: number }
  /** By a cron expression of five or six fields; time zone: an IANA name, or the machine's own. */
  | { readonly type: "cron"; readonly cron: string; readonly timezone?: string }
  /** Once: at a time, or some time after the task is first seen. */
  | { readonly type: "one_shot"; readonly runAt: number }
  | { readonly type: "one_shot"; readonly delayMs: number };

/** Where a prompt goes. */
export interface PromptTarget {
  readonly platform: string;
  readonly channel: string;
  /** For whom it is; default: `scheduler`. */
  readonly user?: string;
  /** The adapter; default: the one that carried the channel's newest session. */
  readonly node?: string;
}

/** What a function is told of its run. */
export interface TaskRun {
  readonly name: string;
  /** The time it was due, ISO 8601; missing where it was started by hand. */
  readonly fire_at?: string;
  /** Aborts at the task's time-out and when the gateway stops. */
  readonly signal: AbortSignal;
}

/** What a task does. */
export type TaskAction =
  | {
    readonly type: "command";
    /** For `sh -c`, as its author wrote it. */
    readonly command: string;
    readonly workingDir: string;
    readonly env: Readonly<Record<string, string>>;
  }
  | { readonly type: "prompt"; readonly prompt: string; readonly target: PromptTarget }
  | { readonly type: "function"; readonly run: (run: TaskRun) => unknown };

/** What happens at a fire time while the last run still goes on. */
export const taskOverlaps = ["skip", "queue", "kill"] as const;
export type TaskOverlap = typeof taskOverlaps[number];

/** What happens to fire times that were missed: nobody was there, or the machine slept. */
export const missedPolicies = ["skip", "once", "all"] as const;
export type MissedPolicy = typeof missedPolicies[number];

/** One task. */
export interface Task {
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly schedule: Schedule;
  readonly action: TaskAction;
  readonly timeoutMs: number;
  readonly overlap: TaskOverlap;
  readonly missed: MissedPolicy;
}
