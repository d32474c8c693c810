/** One child process of the sandbox: its start, its output within a limit, its sure end. */

import type { SandboxJob } from "./sandbox_job.ts";

/** How a child ended, and what it printed. */
export interface ChildEnd {
  readonly type: "ended" | "aborted" | "overflow";
  readonly output: string;
  /** The first line that it wrote to standard error. */
  readonly errors: string;
  /** Its exit code or signal, for people. */
  readonly status: string;
}

/** Characters of standard error that are kept. */
const maxErrorChars = 500;

export class SandboxProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #errors: Promise<string>;
  readonly #maxOutputBytes: number;
  #ended = false;

  constructor(
    [program = "", ...args]: readonly string[],
    { maxOutputBytes }: { readonly maxOutputBytes: number },
  ) {
    this.#maxOutputBytes = maxOutputBytes;
    this.#child = new Deno.Command(program, {
      args,
      // Nothing of the gateway's surroundings: keys lie in the environment, paths tell of people.
      clearEnv: true,
      env: { NO_COLOR: "1", DENO_NO_PROMPT: "1", DENO_NO_UPDATE_CHECK: "1" },
      ...inGroup ? { cwd: "/", detached: true } : {},
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child.status.then(() => this.#ended = true);
    this.#input = this.#child.stdin.getWriter();
    this.#errors = readErrors(this.#child.stderr);
  }

  /** Gives the child its job and waits for its end; on abort and on overflow it is killed. */
  async run(
    job: SandboxJob,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ChildEnd> {
    const kill = () => this.#kill();
    signal.addEventListener("abort", kill);
    if (signal.aborted) kill();
    try {
      // The input stays open: its end tells the child that the gateway is gone.
      const sent = this.#input.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
      // A child that ended without reading says why by its end.
      sent.catch(() => {});
      const { output, overflow } = await this.#readOutput();
      if (overflow) kill();
      const { code, signal: by } = await this.#child.status;
      return {
        type: overflow ? "overflow" : signal.aborted ? "aborted" : "ended",
        output,
        errors: await this.#errors,
        status: by ? `signal ${by}` : `exit code ${code}`,
      };
    } finally {
      signal.removeEventListener("abort", kill);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#child.status;
    await this.#input.abort().catch(() => {});
    await this.#errors;
  }

  async #readOutput(): Promise<{ readonly output: string; readonly overflow: boolean }> {
    const decoder = new TextDecoder();
    let output = "";
    let bytes = 0;
    for await (const chunk of this.#child.stdout) {
      bytes += chunk.length;
      output += decoder.decode(chunk, { stream: true });
      if (bytes > this.#maxOutputBytes) return { output, overflow: true };
    }
    return { output, overflow: false };
  }

  #kill(): void {
    // Its number may belong to another process by now.
    if (this.#ended) return;
    for (const pid of inGroup ? [-this.#child.pid, this.#child.pid] : [this.#child.pid]) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
}

/** Whether a child leads a group of processes, so that one signal reaches all it started. */
const inGroup = Deno.build.os !== "windows";

/** Reads to the end, keeps the beginning. */
async function readErrors(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + chunk).slice(0, maxErrorChars);
  }
  return text.trim().split("\n", 1)[0]!;
}
