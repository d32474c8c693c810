/** Calls one function of a plugin, within its time. Hooks and scheduled tasks are called by it. */

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
  const stop = new AbortController();
  const late = `it took longer than ${timeoutMs / 1000} seconds`;
  const timer = setTimeout(() => stop.abort(new Error(late)), timeoutMs);
  const onAbort = () => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  const stopped = new Promise<never>((_, reject) => {
    const refuse = () => reject(stop.signal.reason);
    if (stop.signal.aborted) refuse();
    else stop.signal.addEventListener("abort", refuse);
  });
  const durationMs = () => Math.round(performance.now() - startedAt);
  try {
    await Promise.race([(async () => await run(stop.signal))(), stopped]);
    return { durationMs: durationMs(), output: "" };
  } catch (error) {
    return { durationMs: durationMs(), output: "", error: errorText(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    stopped.catch(() => {});
  }
}
