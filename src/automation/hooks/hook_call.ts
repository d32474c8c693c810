/** Runs one hook for one event, within its time. Used by the runner and by `hooks test`. */

import { commandEnvironment, type CommandEnvironmentOptions } from "../command/environment.ts";
import { callFunction } from "../command/function_call.ts";
import { runShellCommand } from "../command/shell_command.ts";
import { errorText } from "../../lib/error_text.ts";
import type { RunResult } from "../../store/run_store.ts";
import type { Hook } from "./hook.ts";
import { eventEnvironment } from "./hook_environment.ts";
import type { HookEvent } from "./hook_event.ts";

/** Calls a hook. Never throws: what goes wrong is told in the result. */
export async function callHook(
  { hook, event }: { readonly hook: Hook; readonly event: HookEvent },
  options: CommandEnvironmentOptions & { readonly signal: AbortSignal },
): Promise<RunResult> {
  const { action, timeoutMs } = hook;
  if (action.type === "function") {
    return await callFunction(
      (signal) => action.run(event, { signal }),
      { timeoutMs, signal: options.signal },
    );
  }
  try {
    return await runShellCommand({
      command: action.command,
      cwd: action.workingDir,
      env: { ...commandEnvironment(action.env, options), ...eventEnvironment(event) },
      input: `${JSON.stringify(event)}\n`,
      timeoutMs,
      signal: options.signal,
    });
  } catch (error) {
    return { durationMs: 0, output: "", error: errorText(error) };
  }
}
