/**
 * The sandbox process: runs code in a worker without permissions, limits its time and memory, and
 * prints the result. The gateway's side is in `sandbox.ts`.
 */

import { type WorkerMessage, workerSource } from "./worker.ts";

/** How often time and memory are checked, milliseconds; code can allocate a few MiB in between. */
const checkMs = 10;
const MiB = 1024 * 1024;

/** What the child runs; one line of JSON on its standard input. */
export interface SandboxJob {
  readonly code: string;
  /** Time limit of the code, milliseconds, without the start of the process. */
  readonly timeoutMs: number;
  /** How much the process may grow, MiB. */
  readonly memoryMb: number;
  /** Characters of the printed output, and of the value. */
  readonly maxOutputChars: number;
  /** Begins the line that holds the result. The code can print too, but does not know the mark. */
  readonly mark: string;
}

/** The outcome of a job. */
export interface SandboxResult {
  /** The lines that the code printed. */
  readonly logs: string;
  /** The value of the last expression, in readable form; undefined if there is none. */
  readonly value?: string;
  /** Why the code failed. */
  readonly error?: string;
}

/** Runs one job from standard input. Resolves with the exit code; the process must exit then. */
export async function runSandboxChild(): Promise<number> {
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await input.read();
    if (done) return 1;
    text += value;
  }
  const job = JSON.parse(text) as SandboxJob;
  // Only the compiled program needs the limits; from source, imports require permissions.
  const limits = Deno.build.standalone ? new ProcessLimits() : undefined;
  await dropPermissions();
  // The input closes when the gateway dies. Nobody else would stop the code then.
  const gatewayEnded = input.read().then(() => undefined);
  const result = await Promise.race([runInWorker(job, limits), gatewayEnded]);
  if (!result) return 1;
  // On its own line, whatever the code has printed before.
  await writeOut(`\n${job.mark}${JSON.stringify(result)}\n`);
  return 0;
}

/** Drops the permissions of the compiled program, so that escaping from the worker yields none. */
async function dropPermissions(): Promise<void> {
  const names = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;
  for (const name of names) await Deno.permissions.revoke({ name });
}

/** Runs a job. Failures are part of the result. */
function runInWorker(job: SandboxJob, limits?: ProcessLimits): Promise<SandboxResult> {
  const { promise, resolve } = Promise.withResolvers<SandboxResult>();
  const logs: string[] = [];
  let remainingChars = job.maxOutputChars;
  const finish = (end: Omit<SandboxResult, "logs">) => resolve({ logs: logs.join("\n"), ...end });
  const url = `data:text/javascript;base64,${btoa(workerSource)}`;
  const worker = new Worker(url, { type: "module", deno: { permissions: "none" } });
  let timer: ReturnType<typeof setInterval> | undefined;
  let check = () => {};
  // Deno.memoryUsage opens a file.
  const memory = () => limits ? limits.peakRss() : Deno.memoryUsage().rss;

  const start = () => {
    if (timer !== undefined) return;
    limits?.forbidOpening();
    const baseline = memory();
    const endsAt = performance.now() + job.timeoutMs;
    check = () => {
      if (performance.now() >= endsAt) {
        finish({ error: `The code did not end within ${job.timeoutMs / 1000} seconds` });
      } else if (memory() - baseline > job.memoryMb * MiB) {
        finish({ error: `The code took more than ${job.memoryMb} MiB of memory` });
      }
    };
    timer = setInterval(check, checkMs);
    worker.postMessage({ code: job.code, maxOutputChars: job.maxOutputChars });
  };
  const log = (line: string) => {
    if (remainingChars <= 0) return;
    logs.push(cutOff(line, remainingChars));
    remainingChars -= line.length + 1;
  };
  const cut = (text: string | undefined) => text && cutOff(text, job.maxOutputChars);
  worker.onmessage = ({ data }) => {
    // A flood of messages can starve the timer.
    check();
    const message = readMessage(data);
    if (message?.type === "ready") start();
    else if (message?.type === "log") log(message.text);
    else if (message) finish({ value: cut(message.value), error: cut(message.error) });
  };
  worker.onerror = (event) => {
    event.preventDefault();
    finish({ error: cut(event.message.replace(/^Uncaught (?:\(in promise\) )?/, "")) });
  };
  return promise.finally(() => {
    clearInterval(timer);
    worker.terminate();
  });
}

/** Validates a message from the worker; the code may have sent anything. */
function readMessage(data: unknown): WorkerMessage | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { type, text, value, error } = data as Readonly<Record<string, unknown>>;
  if (type === "ready") return { type };
  if (type === "log") return typeof text === "string" ? { type, text } : undefined;
  if (type !== "end") return undefined;
  return {
    type,
    value: typeof value === "string" ? value : undefined,
    error: typeof error === "string" ? error : undefined,
  };
}

async function writeOut(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

/** Cuts a text and says so. */
function cutOff(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  return `${text.slice(0, maxChars)}… (cut off after ${maxChars} characters)`;
}

/** The numbers and units of the system calls. */
const systems = {
  linux: { library: "libc.so.6", openFiles: 7, coreBytes: 4, rssUnit: 1024 },
  darwin: { library: "libSystem.B.dylib", openFiles: 8, coreBytes: 4, rssUnit: 1 },
} as const;

const calls = {
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
} as const;

/** The offset of `ru_maxrss` in `struct rusage`: after two times of 16 bytes. */
const maxRssOffset = 32;
const rusageBytes = 144;

/**
 * Limits of the process itself, by system calls. The compiled program needs them because `import()`
 * of a file requires no permission there. A process that cannot open anything cannot read files.
 */
class ProcessLimits {
  readonly #system: typeof systems[keyof typeof systems];
  readonly #calls: Deno.DynamicLibrary<typeof calls>["symbols"];

  /** Loads the calls, while that is still permitted. @throws {Error} on an unsupported system. */
  constructor() {
    const { os } = Deno.build;
    if (os !== "linux" && os !== "darwin") {
      throw new Error(`Cannot run code on "${os}": file access cannot be blocked there`);
    }
    this.#system = systems[os];
    this.#calls = Deno.dlopen(this.#system.library, calls).symbols;
  }

  /**
   * Prevents the process from opening any file or socket; what is open stays open. If Deno itself
   * needs to open something, such as for a worker, the process aborts, without a core dump.
   */
  forbidOpening(): void {
    const none = new Uint8Array(16);
    for (const limit of [this.#system.coreBytes, this.#system.openFiles]) {
      if (this.#calls.setrlimit(limit, none) === 0) continue;
      throw new Error("Cannot run code: file access cannot be blocked");
    }
  }

  /** Peak memory of the process, bytes. Needs no open file. */
  peakRss(): number {
    const usage = new Uint8Array(rusageBytes);
    if (this.#calls.getrusage(0, usage) !== 0) return Infinity;
    const maxRss = new DataView(usage.buffer).getBigInt64(maxRssOffset, true);
    return Number(maxRss) * this.#system.rssUnit;
  }
}
