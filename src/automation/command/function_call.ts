/** Calls one function of a plugin, within its time. Hooks and scheduled tasks are called by it. */

import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import type { CommandResult } from "./shell_command.ts";

/**
 * Calls a plugin's function. It cannot be ended from outside: one that takes too long is told to stop
 * by its signal, and waited for no longer.
 */
export async function callFunction(
  run: (signal: AbortSignal) => unknown,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<CommandResult> {
  const startedAt = performance.now();
  const reason = new Error(`it took longer than ${timeoutMs / 1000} seconds`);
  using deadline = new Deadline({ ms: timeoutMs, signal, reason });
  const durationMs = () => Math.round(performance.now() - startedAt);
  try {
    await deadline.race((async () => await run(deadline.signal))());
    return { durationMs: durationMs(), output: "" };
  } catch (error) {
    return { durationMs: durationMs(), output: "", error: errorText(error) };
  }
}
