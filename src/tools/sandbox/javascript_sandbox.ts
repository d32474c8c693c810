/**
 * Runs JavaScript that nobody has read: in a worker without permissions, in a process of its own
 * that can be ended from outside. Used by the tool `run_javascript`. See `sandbox_child.ts` for
 * what happens there.
 */

import { type ChildEnd, SandboxProcess } from "./sandbox_process.ts";
import type { SandboxJob, SandboxResult } from "./sandbox_job.ts";
import { Semaphore } from "../../lib/semaphore.ts";

/** What {@linkcode JavaScriptSandbox} may be given. */
export interface JavaScriptSandboxOptions {
  /** Time of the code, milliseconds. Default: 5000. */
  readonly timeoutMs?: number;
  /** MiB that the code may take. Default: 128. */
  readonly memoryMb?: number;
  /** Characters of all that is printed, and again of the value. Default: 20,000. */
  readonly maxOutputChars?: number;
  /** Processes at once; further code waits. Default: 4. */
  readonly concurrency?: number;
  /** How the process is started. Default: this program's own way. */
  readonly command?: readonly string[];
}

/** How long the process may take to start and to end, milliseconds. */
const startMs = 10_000;

export class JavaScriptSandbox {
  readonly #limits: Omit<SandboxJob, "code" | "mark">;
  readonly #slots: Semaphore;
  readonly #command: readonly string[];

  constructor(options: JavaScriptSandboxOptions = {}) {
    const { timeoutMs = 5000, memoryMb = 128, maxOutputChars = 20_000, concurrency = 4 } = options;
    this.#limits = { timeoutMs, memoryMb, maxOutputChars };
    this.#slots = new Semaphore(concurrency);
    this.#command = options.command ?? ownCommand();
  }

  /**
   * Runs code; whatever it does is told by the result.
   *
   * @throws the signal's reason when it aborts; the process is gone then.
   */
  async run(code: string, { signal }: { readonly signal: AbortSignal }): Promise<SandboxResult> {
    using _slot = await this.#slots.acquire(signal);
    const job: SandboxJob = { code, ...this.#limits, mark: crypto.randomUUID() };
    await using process = new SandboxProcess(this.#command, {
      maxOutputBytes: 100_000 + 20 * job.maxOutputChars,
    });
    const end = await process.run(job, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(startMs + job.timeoutMs)]),
    });
    signal.throwIfAborted();
    return toResult(end, job);
  }
}

/** The compiled program knows the command `sandbox`; from source its entry is started itself. */
function ownCommand(): readonly string[] {
  if (Deno.build.standalone) return [Deno.execPath(), "sandbox"];
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--unstable-worker-options",
    "--no-prompt",
    "--no-config",
    "--no-lock",
    // Packages and remote modules need no permission: an import would be a way to the network.
    "--no-npm",
    "--no-remote",
    import.meta.resolve("./sandbox_main.ts"),
  ];
}

function toResult(end: ChildEnd, { mark, timeoutMs }: SandboxJob): SandboxResult {
  const at = end.output.indexOf(`\n${mark}`);
  if (at >= 0) {
    const line = end.output.slice(at + 1 + mark.length).split("\n", 1)[0]!;
    const result = JSON.parse(line) as SandboxResult;
    // What the code wrote past `console`, such as by process.stdout.
    const direct = end.output.slice(0, at);
    return direct ? { ...result, logs: `${direct}\n${result.logs}`.trimEnd() } : result;
  }
  const errors = {
    aborted: `The code did not end within ${timeoutMs / 1000} seconds`,
    overflow: "The code printed too much",
    ended: ["The code, or the sandbox itself, broke off", end.status, end.errors]
      .filter(Boolean).join(": "),
  };
  return { logs: "", error: errors[end.type] };
}
