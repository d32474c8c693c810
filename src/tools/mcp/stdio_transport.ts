/**
 * An MCP server as a child process, one JSON message a line. The SDK has a transport of this kind;
 * this one ends the whole process group, bears a flood on stdout, and leaves no orphan behind when the
 * gateway is killed.
 */

import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

/** How the process is started. */
export interface StdioOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Bytes of one message past which the server is ended. */
  readonly maxMessageBytes: number;
  /** Is called with each line of stderr, cut where it is long. */
  readonly onLog: (line: string) => void;
}

const windows = Deno.build.os === "windows";
/** How long the group has after TERM before it gets KILL. */
const graceMs = 2_000;
const maxLogChars = 2_000;

/**
 * Runs the command, and beside it a watch that ends the group when the gateway ($1) is gone or the
 * command is. Data comes by arguments, never as code.
 */
const guarded = `gateway=$1; shift
( while kill -0 "$gateway" 2>/dev/null && kill -0 $$ 2>/dev/null; do sleep 1; done
  kill -KILL -$$ ) </dev/null >/dev/null 2>&1 &
exec "$@"`;

export class GuardedStdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  readonly #options: StdioOptions;
  #child?: Deno.ChildProcess;
  #input?: WritableStreamDefaultWriter<Uint8Array>;
  #ended?: Promise<unknown>;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  /** The process id, which is its group's, too. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process. @throws when the command cannot be run. */
  start(): Promise<void> {
    const { command, args, env, cwd } = this.#options;
    const common = {
      env: { ...env },
      clearEnv: true,
      cwd,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    } as const;
    const child = windows
      ? new Deno.Command(command, { ...common, args: [...args] }).spawn()
      : new Deno.Command("sh", {
        ...common,
        args: ["-c", guarded, "sh", String(Deno.pid), command, ...args],
        detached: true,
      }).spawn();
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    const output = this.#readMessages(child.stdout);
    const log = this.#readLog(child.stderr);
    this.#ended = Promise.allSettled([child.status, output, log]).then(() => {
      this.#kill("SIGKILL");
      this.onclose?.();
    });
    return Promise.resolve();
  }

  async send(message: unknown): Promise<void> {
    if (!this.#input) throw new Error("the server has not been started");
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  }

  /** Ends the process group: end of input and TERM, then KILL. */
  async close(): Promise<void> {
    if (!this.#child) return;
    this.#input?.close().catch(() => {});
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #kill(signal: Deno.Signal): void {
    try {
      Deno.kill(windows ? this.#child!.pid : -this.#child!.pid, signal);
    } catch {
      // All of it is gone already.
    }
  }

  async #readMessages(stdout: ReadableStream<Uint8Array>): Promise<void> {
    const lines = new Lines(this.#options.maxMessageBytes);
    for await (const bytes of stdout) {
      for (const line of lines.add(bytes)) this.#receive(line);
      if (lines.tooLong) {
        const limit = this.#options.maxMessageBytes;
        this.onerror?.(new Error(`a message of the server exceeds ${limit} bytes; it is ended`));
        this.#kill("SIGKILL");
        await stdout.cancel().catch(() => {});
        return;
      }
    }
  }

  #receive(line: string): void {
    if (line.trim() === "") return;
    try {
      this.onmessage?.(JSON.parse(line));
    } catch (error) {
      this.onerror?.(
        new Error(`cannot read what the server wrote: ${line.slice(0, 200)}`, { cause: error }),
      );
    }
  }

  async #readLog(stderr: ReadableStream<Uint8Array>): Promise<void> {
    const lines = new Lines(maxLogChars);
    for await (const bytes of stderr) {
      for (const line of lines.add(bytes)) if (line.trim()) this.#options.onLog(line);
      // A line without an end is shown in pieces: nothing of a log may pile up.
      if (lines.tooLong) lines.cut();
    }
  }
}

/** Cuts bytes into lines, and keeps no more than a limit of one that has not ended. */
class Lines {
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the line that has not ended exceeds the limit. */
  get tooLong(): boolean {
    return this.#size > this.#limit;
  }

  cut(): void {
    this.#parts = [];
    this.#size = 0;
  }

  *add(bytes: Uint8Array): Generator<string> {
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      this.#parts.push(bytes.subarray(from, at));
      this.#size += at - from;
      if (this.tooLong) return;
      yield this.#join();
      from = at + 1;
    }
    this.#parts.push(bytes.slice(from));
    this.#size += bytes.length - from;
  }

  #join(): string {
    const decoder = new TextDecoder();
    const text = this.#parts.map((part) => decoder.decode(part, { stream: true })).join("");
    this.cut();
    return text + decoder.decode();
  }
}
