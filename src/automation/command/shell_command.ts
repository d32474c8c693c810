/**
 * Runs one line or script of the operator's with `sh -c`: within its time, its output within a limit,
 * and nothing of it left afterwards. Hooks and scheduled tasks are run by it.
 */

import { errorText } from "../../lib/error_text.ts";
import { pause, waitAtMost } from "../../lib/wait.ts";
import { OutputCap } from "./output_cap.ts";
import { ProcessGroup } from "../../platform/process_group.ts";

/** What to run, and how. */
export interface ShellCommandOptions {
  /** The script, as its author wrote it: nothing is put into it. */
  readonly command: string;
  readonly cwd: string;
  /** The whole environment; the shell expands what the script names. */
  readonly env: Readonly<Record<string, string>>;
  /** What the script finds on its standard input. */
  readonly input?: string;
  readonly timeoutMs: number;
  /** Ends the command early; its reason is told in the result. */
  readonly signal?: AbortSignal;
  /** How long its processes have after TERM before they get KILL. Default: 2000. */
  readonly graceMs?: number;
  /** Bytes of output that are kept. Default: 16384. */
  readonly outputBytes?: number;
}

/** How a command went. */
export interface CommandResult {
  /** Missing where it did not end by itself. */
  readonly exitCode?: number;
  readonly durationMs: number;
  /** What it printed, standard output and error together, cut in the middle where it is long. */
  readonly output: string;
  /** Why it failed; missing where it did not. */
  readonly error?: string;
}

/** Output past this is taken in slowly, so that a flood does not keep the gateway busy. */
const fastBytes = 1 << 20;
const slowMs = 10;

/** Runs a command. Never throws: what goes wrong is told in the result. */
export async function runShellCommand(options: ShellCommandOptions): Promise<CommandResult> {
  const startedAt = performance.now();
  const output = new OutputCap(options.outputBytes ?? 16_384);
  const end = await run(options, output).catch((error) => ({ error: errorText(error) }));
  return { ...end, durationMs: Math.round(performance.now() - startedAt), output: output.text() };
}

async function run(
  options: ShellCommandOptions,
  output: OutputCap,
): Promise<Pick<CommandResult, "exitCode" | "error">> {
  const { command, cwd, env, timeoutMs, graceMs = 2_000, signal } = options;
  if (signal?.aborted) return { error: errorText(signal.reason) };
  const group = new ProcessGroup({ command: "sh", args: ["-c", command], cwd, env });
  const { child } = group;
  const input = feed(child.stdin, options.input ?? "");
  const readers = [child.stdout.getReader(), child.stderr.getReader()];
  const read = Promise.all(readers.map((reader) => drain(reader, output)));
  let error: string | undefined;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const stop = (why: string) => {
    if (error !== undefined) return;
    error = why;
    group.kill("SIGTERM");
    killTimer = setTimeout(() => group.kill("SIGKILL"), graceMs);
  };
  const timer = setTimeout(
    () => stop(`it took longer than ${timeoutMs / 1000} seconds and was ended`),
    timeoutMs,
  );
  const onAbort = () => stop(errorText(signal!.reason));
  signal?.addEventListener("abort", onAbort);
  const { code, signal: by } = await child.status;
  clearTimeout(timer);
  signal?.removeEventListener("abort", onAbort);
  // What its shell has started may need all of the grace, too: it holds the pipes until its end.
  if (error !== undefined) await waitAtMost(read, graceMs);
  clearTimeout(killTimer);
  // The command is its shell: what that has left behind ends with it.
  group.kill("SIGKILL");
  // A process that has left the group may hold the pipes for as long as it likes.
  const cancel = setTimeout(
    () => readers.forEach((reader) => reader.cancel().catch(() => {})),
    500,
  );
  await read;
  clearTimeout(cancel);
  await input.end();
  if (error !== undefined) return { error };
  if (by) return { error: `it was ended by ${by}` };
  return { exitCode: code, ...(code !== 0 && { error: `it ended with exit code ${code}` }) };
}

/** Writes the input in the background: a command need not read it. */
function feed(stdin: WritableStream<Uint8Array>, text: string): { end(): Promise<void> } {
  const writer = stdin.getWriter();
  writer.closed.catch(() => {});
  const written = writer.write(new TextEncoder().encode(text)).then(() => writer.close());
  written.catch(() => {});
  return { end: () => writer.abort().catch(() => {}) };
}

async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  output: OutputCap,
): Promise<void> {
  const never = new AbortController().signal;
  for (;;) {
    const { value } = await reader.read();
    if (!value) return;
    output.add(value);
    if (output.total > fastBytes) await pause(slowMs, never);
  }
}
