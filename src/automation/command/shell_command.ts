/**
 * Runs a command or script of the operator's with `sh -c`: with a timeout, limited output, and no
 * processes left behind.
 */

import { errorText } from "../../lib/error_text.ts";
import { pause, waitAtMost } from "../../lib/wait.ts";
import { ProcessGroup } from "../../platform/process_group.ts";
import type { RunResult } from "../../store/run_store.ts";

/** Options of {@linkcode runShellCommand}. */
export interface ShellCommandOptions {
  /** The script, passed to the shell unchanged. */
  readonly command: string;
  readonly cwd: string;
  /** The whole environment; the shell expands the variables that the script uses. */
  readonly env: Readonly<Record<string, string>>;
  /** The script's standard input. */
  readonly input?: string;
  readonly timeoutMs: number;
  /** Ends the command early; its reason becomes the error. */
  readonly signal?: AbortSignal;
  /** Time between SIGTERM and SIGKILL, milliseconds. Default: 2000. */
  readonly graceMs?: number;
  /** Most bytes of output that are kept. Default: 16384. */
  readonly outputBytes?: number;
}

/** Beyond this, output is read slowly, so that a flood does not keep the gateway busy. */
const fastBytes = 1 << 20;
const slowReadMs = 10;
/** How long the output may stay open after the command has ended, milliseconds. */
const pipeCloseMs = 500;

/** Runs a command. Never rejects; failures are in the result. */
export async function runShellCommand(options: ShellCommandOptions): Promise<RunResult> {
  const startedAt = performance.now();
  const output = new TruncatedOutput(options.outputBytes ?? 16_384);
  const end = await run(options, output).catch((error) => ({ error: errorText(error) }));
  return { ...end, durationMs: Math.round(performance.now() - startedAt), output: output.text() };
}

async function run(
  options: ShellCommandOptions,
  output: TruncatedOutput,
): Promise<Pick<RunResult, "exitCode" | "error">> {
  const { command, cwd, env, timeoutMs, graceMs = 2_000, signal } = options;
  if (signal?.aborted) return { error: errorText(signal.reason) };
  const group = new ProcessGroup({ command: "sh", args: ["-c", command], cwd, env });
  const { child } = group;
  const input = writeInput(child.stdin, options.input ?? "");
  const readers = [child.stdout.getReader(), child.stderr.getReader()];
  const read = Promise.all(readers.map((reader) => readOutput(reader, output)));
  let error: string | undefined;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const stop = (why: string) => {
    if (error !== undefined) return;
    error = why;
    group.kill("SIGTERM");
    killTimer = setTimeout(() => group.kill("SIGKILL"), graceMs);
  };
  const timer = setTimeout(
    () => stop(`it took longer than ${timeoutMs / 1000} seconds and was killed`),
    timeoutMs,
  );
  const onAbort = () => stop(errorText(signal!.reason));
  signal?.addEventListener("abort", onAbort);
  const { code, signal: killedBy } = await child.status;
  clearTimeout(timer);
  signal?.removeEventListener("abort", onAbort);
  // Processes started by the shell also get the grace period; they keep the output open until they end.
  if (error !== undefined) await waitAtMost(read, graceMs);
  clearTimeout(killTimer);
  // A command ends with its shell, so kill what the shell left behind.
  group.kill("SIGKILL");
  // A process that has left the group could keep the output open forever.
  const cancel = setTimeout(
    () => readers.forEach((reader) => reader.cancel().catch(() => {})),
    pipeCloseMs,
  );
  await read;
  clearTimeout(cancel);
  await input.end();
  if (error !== undefined) return { error };
  if (killedBy) return { error: `it was killed by ${killedBy}` };
  return { exitCode: code, ...(code !== 0 && { error: `it exited with code ${code}` }) };
}

/** Writes the input in the background, since a command need not read it. */
function writeInput(stdin: WritableStream<Uint8Array>, text: string): { end(): Promise<void> } {
  const writer = stdin.getWriter();
  writer.closed.catch(() => {});
  const written = writer.write(new TextEncoder().encode(text)).then(() => writer.close());
  written.catch(() => {});
  return { end: () => writer.abort().catch(() => {}) };
}

async function readOutput(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  output: TruncatedOutput,
): Promise<void> {
  const never = new AbortController().signal;
  for (;;) {
    const { value } = await reader.read();
    if (!value) return;
    output.add(value);
    if (output.total > fastBytes) await pause(slowReadMs, never);
  }
}

/** The output of a program, truncated in the middle: keeps the first and the last bytes. */
export class TruncatedOutput {
  readonly #half: number;
  readonly #head: Uint8Array[] = [];
  #headSize = 0;
  #tail = new Uint8Array();
  #total = 0;

  /** @param maxBytes how many bytes are kept, half of them from either end. */
  constructor(maxBytes: number) {
    this.#half = Math.floor(maxBytes / 2);
  }

  /** The number of bytes added. */
  get total(): number {
    return this.#total;
  }

  add(bytes: Uint8Array): void {
    this.#total += bytes.length;
    const headRoom = this.#half - this.#headSize;
    if (headRoom > 0) {
      const first = bytes.slice(0, headRoom);
      this.#head.push(first);
      this.#headSize += first.length;
      bytes = bytes.subarray(headRoom);
    }
    if (bytes.length === 0) return;
    const last = bytes.subarray(-this.#half);
    const before = this.#tail.subarray(Math.max(0, this.#tail.length + last.length - this.#half));
    this.#tail = new Uint8Array(before.length + last.length);
    this.#tail.set(before);
    this.#tail.set(last, before.length);
  }

  /** Returns the bytes kept, as text, with a note of how many are missing. */
  text(): string {
    const missing = this.#total - this.#headSize - this.#tail.length;
    if (missing === 0) return decode([...this.#head, this.#tail]);
    return `${decode(this.#head)}\n[${missing} bytes truncated]\n${decode([this.#tail])}`;
  }
}

function decode(parts: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}
