/** One child process of the sandbox: starts it, limits its output, and makes sure it ends. */

import type { SandboxJob } from "./child.ts";

/** How a child ended and what it printed. */
export interface ChildEnd {
  readonly type: "ended" | "aborted" | "overflow";
  readonly output: string;
  /** The first line of its standard error. */
  readonly errors: string;
  /** Its exit code or signal, in words. */
  readonly status: string;
}

/** Characters of standard error to keep. */
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
      // The gateway's environment contains keys; paths contain user names.
      clearEnv: true,
      env: { NO_COLOR: "1", DENO_NO_PROMPT: "1", DENO_NO_UPDATE_CHECK: "1" },
      ...usesGroup ? { cwd: "/", detached: true } : {},
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child.status.then(() => this.#ended = true);
    this.#input = this.#child.stdin.getWriter();
    this.#errors = readErrors(this.#child.stderr);
  }

  /** Sends the job and waits for the child to end. Kills it on abort or too much output. */
  async run(
    job: SandboxJob,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ChildEnd> {
    const kill = () => this.#kill();
    signal.addEventListener("abort", kill);
    if (signal.aborted) kill();
    try {
      // The input stays open: the child ends when it is closed, as when the gateway dies.
      const sent = this.#input.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
      // If the child ended without reading, its exit status says why.
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
    // The process id may have been reused.
    if (this.#ended) return;
    for (const pid of usesGroup ? [-this.#child.pid, this.#child.pid] : [this.#child.pid]) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has already ended.
      }
    }
  }
}

/** Whether the child leads a process group, so that one signal reaches all its descendants. */
const usesGroup = Deno.build.os !== "windows";

/** Reads to the end; returns the first line. */
async function readErrors(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text = (text + chunk).slice(0, maxErrorChars);
  }
  return text.trim().split("\n", 1)[0]!;
}
