/**
 * The sandbox's own process: runs code in a worker that has no permission, watches its time and
 * memory, and prints the result. The gateway starts it as `clara-gateway sandbox`, from source as
 * `sandbox_main.ts`; `javascript_sandbox.ts` is the other side.
 */

import { ProcessLimits } from "./process_limits.ts";
import { cutOff, type SandboxJob, type SandboxResult, type WorkerMessage } from "./sandbox_job.ts";
import { workerSource } from "./sandbox_worker.ts";

/** How often time and memory are looked at, milliseconds: code can take some MiB in each. */
const watchMs = 10;
const MiB = 1024 * 1024;

/** Runs one job from standard input; resolves with the exit code, whereupon the process must end. */
export async function runSandboxChild(): Promise<number> {
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await input.read();
    if (done) return 1;
    text += value;
  }
  const job = JSON.parse(text) as SandboxJob;
  // From source the loader asks for permissions, and the process has none to load the calls with.
  const limits = Deno.build.standalone ? new ProcessLimits() : undefined;
  await dropPermissions();
  // The input ends with the gateway: then nobody wants the result, and nobody would stop the code.
  const gatewayEnded = input.read().then(() => undefined);
  const result = await Promise.race([runInWorker(job, limits), gatewayEnded]);
  if (!result) return 1;
  // A line of its own, whatever the code has printed before.
  await writeOut(`\n${job.mark}${JSON.stringify(result)}\n`);
  return 0;
}

/** The compiled program starts with every permission; no way out of the worker shall lead to one. */
async function dropPermissions(): Promise<void> {
  const names = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;
  for (const name of names) await Deno.permissions.revoke({ name });
}

/** Runs a job; the result tells of whatever goes wrong. */
function runInWorker(job: SandboxJob, limits?: ProcessLimits): Promise<SandboxResult> {
  const { promise, resolve } = Promise.withResolvers<SandboxResult>();
  const logs: string[] = [];
  let room = job.maxOutputChars;
  const finish = (end: Omit<SandboxResult, "logs">) => resolve({ logs: logs.join("\n"), ...end });
  const url = `data:text/javascript;base64,${btoa(workerSource)}`;
  const worker = new Worker(url, { type: "module", deno: { permissions: "none" } });
  let timer: ReturnType<typeof setInterval> | undefined;
  let look = () => {};
  // The usual way opens a file.
  const memory = () => limits ? limits.peakRss() : Deno.memoryUsage().rss;

  const start = () => {
    if (timer !== undefined) return;
    limits?.forbidOpening();
    const baseline = memory();
    const endsAt = performance.now() + job.timeoutMs;
    look = () => {
      if (performance.now() >= endsAt) {
        finish({ error: `The code did not end within ${job.timeoutMs / 1000} seconds` });
      } else if (memory() - baseline > job.memoryMb * MiB) {
        finish({ error: `The code took more than ${job.memoryMb} MiB of memory` });
      }
    };
    timer = setInterval(look, watchMs);
    worker.postMessage({ code: job.code, maxOutputChars: job.maxOutputChars });
  };
  const log = (line: string) => {
    if (room <= 0) return;
    logs.push(cutOff(line, room));
    room -= line.length + 1;
  };
  const cut = (text: string | undefined) => text && cutOff(text, job.maxOutputChars);
  worker.onmessage = ({ data }) => {
    // A flood of messages may keep the timer from its turn.
    look();
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

/** Reads what came from the worker, where code may have sent anything. */
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
