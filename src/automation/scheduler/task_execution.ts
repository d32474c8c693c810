/** Does what a task is for, once. Used by the scheduler. */

import { isoTime } from "../../lib/iso_time.ts";
import { commandEnvironment, type CommandEnvironmentOptions } from "../command/environment.ts";
import { callFunction } from "../command/function_call.ts";
import { runShellCommand } from "../command/shell_command.ts";
import { errorText } from "../../lib/error_text.ts";
import type { RunResult } from "../../store/run_store.ts";
import type { Task } from "./task.ts";

/** Runs a command or a function. Never throws: what goes wrong is told in the result. */
export async function executeTask(
  { task, fireAt }: { readonly task: Task; readonly fireAt?: number },
  options: CommandEnvironmentOptions & { readonly signal: AbortSignal },
): Promise<RunResult> {
  const { action, name, timeoutMs } = task;
  const { signal } = options;
  const fire_at = fireAt === undefined ? undefined : isoTime(fireAt);
  switch (action.type) {
    case "prompt":
      // It was put into its channel before this run was claimed.
      return { durationMs: 0, output: "The prompt was put into its channel." };
    case "function":
      return await callFunction(
        (signal) => action.run({ name, fire_at, signal }),
        { timeoutMs, signal },
      );
    case "command":
      try {
        return await runShellCommand({
          command: action.command,
          cwd: action.workingDir,
          env: {
            ...commandEnvironment(action.env, options),
            CLARA_TASK_NAME: name,
            CLARA_TASK_TYPE: task.schedule.type,
            CLARA_FIRE_AT: fire_at ?? "",
          },
          timeoutMs,
          signal,
        });
      } catch (error) {
        return { durationMs: 0, output: "", error: errorText(error) };
      }
  }
}
