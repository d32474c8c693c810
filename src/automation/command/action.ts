/** The actions that hooks and scheduled tasks share: a shell command, or a function of a plugin. */

import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import { expandVariables } from "../../lib/variables.ts";
import type { RunResult } from "../../store/run_store.ts";
import { runShellCommand } from "./shell_command.ts";

/** A command of the operator's. */
export interface CommandAction {
  readonly type: "command";
  /** Passed to `sh -c` unchanged. */
  readonly command: string;
  readonly workingDir: string;
  /** The command's own variables; `${NAME}` in them refers to the gateway's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where the environment of a command comes from. */
export interface CommandEnvironmentOptions {
  /** The variables of every command: what programs need, without secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Looks up `${NAME}` in a command's own variables. */
  readonly environment: (name: string) => string | undefined;
}

/** Options of {@linkcode runCommand}. */
export interface RunCommandOptions extends CommandEnvironmentOptions {
  /** Variables that describe the run; they override the command's own. */
  readonly variables: Readonly<Record<string, string>>;
  /** The command's standard input. */
  readonly input?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Runs a command. Never rejects; failures are in the result. */
export async function runCommand(
  { command, workingDir, env: own }: CommandAction,
  { childEnvironment, environment, variables, ...options }: RunCommandOptions,
): Promise<RunResult> {
  try {
    const expanded = Object.entries(own)
      .map(([name, text]) => [name, expandVariables(text, environment)]);
    const env = { ...childEnvironment, ...Object.fromEntries(expanded), ...variables };
    return await runShellCommand({ command, cwd: workingDir, env, ...options });
  } catch (error) {
    return { durationMs: 0, output: "", error: errorText(error) };
  }
}

/**
 * Calls a plugin's function. Never rejects; failures are in the result. A function cannot be killed: when
 * the time is up its signal aborts, and the call returns even if the function ignores that.
 */
export async function callFunction(
  run: (signal: AbortSignal) => unknown,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<RunResult> {
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
