/** A scheduled task: when it runs, and what it does. Defined in `scheduler.yaml` and by plugins. */

import { isoTime } from "../../lib/iso_time.ts";
import type { RunResult } from "../../store/run_store.ts";
import {
  callFunction,
  type CommandAction,
  type CommandEnvironmentOptions,
  runCommand,
} from "../command/action.ts";

/** When a task runs. Times are in milliseconds. */
export type Schedule =
  /** Repeatedly; the first time after `delayMs`, by default after one interval. */
  | { readonly type: "interval"; readonly intervalMs: number; readonly delayMs?: number }
  /** By a cron expression of five or six fields, in an IANA time zone or the machine's. */
  | { readonly type: "cron"; readonly cron: string; readonly timezone?: string }
  /** Once, at a time or some time after the task is first seen. */
  | { readonly type: "one_shot"; readonly runAt: number }
  | { readonly type: "one_shot"; readonly delayMs: number };

/** Where a prompt goes. */
export interface PromptTarget {
  readonly platform: string;
  readonly channel: string;
  /** The user the prompt is for. Default: `scheduler`. */
  readonly user?: string;
  /** The adapter's node. Default: the one that carried the channel's last session. */
  readonly node?: string;
}

/** What a plugin's function is told about its run. */
export interface TaskRun {
  readonly name: string;
  /** The time it was due, ISO 8601; missing if it was started manually. */
  readonly fire_at?: string;
  /** Aborts at the task's timeout and when the gateway stops. */
  readonly signal: AbortSignal;
}

/** What a task does. */
export type TaskAction =
  | CommandAction
  | { readonly type: "prompt"; readonly prompt: string; readonly target: PromptTarget }
  | { readonly type: "function"; readonly run: (run: TaskRun) => unknown };

/** What happens at a fire time while the last run is still in progress. */
export const taskOverlaps = ["skip", "queue", "kill"] as const;
export type TaskOverlap = typeof taskOverlaps[number];

/** What happens to fire times that passed while the gateway was down or the machine slept. */
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

/** Runs a task's command or function. Never rejects; failures are in the result. */
export async function runTask(
  { task, fireAt }: { readonly task: Task; readonly fireAt?: number },
  options: CommandEnvironmentOptions & { readonly signal: AbortSignal },
): Promise<RunResult> {
  const { action, name, timeoutMs } = task;
  const fire_at = fireAt === undefined ? undefined : isoTime(fireAt);
  switch (action.type) {
    case "prompt":
      // The scheduler submits the prompt before it claims the run.
      return { durationMs: 0, output: "The prompt was submitted to its channel." };
    case "function": {
      const run = (signal: AbortSignal) => action.run({ name, fire_at, signal });
      return await callFunction(run, { timeoutMs, signal: options.signal });
    }
    case "command":
      return await runCommand(action, {
        ...options,
        variables: {
          CLARA_TASK_NAME: name,
          CLARA_TASK_TYPE: task.schedule.type,
          CLARA_FIRE_AT: fire_at ?? "",
        },
        timeoutMs,
      });
  }
}
