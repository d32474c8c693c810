/**
 * Runs untrusted JavaScript in a worker without permissions, inside a child process that can be
 * killed. The child's side is in `child.ts`.
 */

import { Semaphore } from "../../lib/semaphore.ts";
import type { SandboxJob, SandboxResult } from "./child.ts";
import { type ChildEnd, SandboxProcess } from "./process.ts";

/** Options of a {@linkcode JavaScriptSandbox}. */
export interface JavaScriptSandboxOptions {
  /** Time limit of the code, milliseconds. Default: 5000. */
  readonly timeoutMs?: number;
  /** Memory limit of the code, MiB. Default: 128. */
  readonly memoryMb?: number;
  /** Characters of the printed output, and of the value. Default: 20,000. */
  readonly maxOutputChars?: number;
  /** Concurrent processes; further code waits. Default: 4. */
  readonly concurrency?: number;
  /** How long the process may take to start and end, milliseconds. Default: 10,000. */
  readonly startTimeoutMs?: number;
  /** The command that starts the process. Default: this program itself. */
  readonly command?: readonly string[];
}

export class JavaScriptSandbox {
  readonly #limits: Omit<SandboxJob, "code" | "mark">;
  readonly #slots: Semaphore;
  readonly #startTimeoutMs: number;
  readonly #command: readonly string[];

  constructor(options: JavaScriptSandboxOptions = {}) {
    const { timeoutMs = 5000, memoryMb = 128, maxOutputChars = 20_000, concurrency = 4 } = options;
    this.#limits = { timeoutMs, memoryMb, maxOutputChars };
    this.#slots = new Semaphore(concurrency);
    this.#startTimeoutMs = options.startTimeoutMs ?? 10_000;
    this.#command = options.command ?? selfCommand();
  }

  /**
   * Runs code. Failures of the code are part of the result.
   *
   * @throws the signal's reason when it aborts, after the process has ended.
   */
  async run(code: string, { signal }: { readonly signal: AbortSignal }): Promise<SandboxResult> {
    using _slot = await this.#slots.acquire(signal);
    const job: SandboxJob = { code, ...this.#limits, mark: crypto.randomUUID() };
    await using process = new SandboxProcess(this.#command, {
      maxOutputBytes: 100_000 + 20 * job.maxOutputChars,
    });
    const end = await process.run(job, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.#startTimeoutMs + job.timeoutMs)]),
    });
    signal.throwIfAborted();
    return toResult(end, job);
  }
}

/** The command that starts the sandbox process. */
function selfCommand(): readonly string[] {
  if (Deno.build.standalone) return [Deno.execPath(), "sandbox"];
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--unstable-worker-options",
    "--no-prompt",
    "--no-config",
    "--no-lock",
    // Imports of packages and remote modules need no permission and would reach the network.
    "--no-npm",
    "--no-remote",
    import.meta.resolve("./main.ts"),
  ];
}

function toResult(end: ChildEnd, { mark, timeoutMs }: SandboxJob): SandboxResult {
  const at = end.output.indexOf(`\n${mark}`);
  if (at >= 0) {
    const line = end.output.slice(at + 1 + mark.length).split("\n", 1)[0]!;
    const result = JSON.parse(line) as SandboxResult;
    // Output that bypassed `console`, such as by process.stdout.
    const direct = end.output.slice(0, at);
    return direct ? { ...result, logs: `${direct}\n${result.logs}`.trimEnd() } : result;
  }
  const errors = {
    aborted: `The code did not end within ${timeoutMs / 1000} seconds`,
    overflow: "The code printed too much",
    ended: ["The code or the sandbox crashed", end.status, end.errors]
      .filter(Boolean).join(": "),
  };
  return { logs: "", error: errors[end.type] };
}
