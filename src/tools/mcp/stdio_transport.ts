/**
 * An MCP server as a child process, one JSON message a line. The SDK has a transport of this kind;
 * this one ends the whole process group, bears a flood on stdout, and leaves no orphan behind when the
 * gateway is killed.
 */

import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ProcessGroup, type ProcessGroupOptions } from "../../platform/process_group.ts";

/** How the process is started. */
export interface StdioOptions extends ProcessGroupOptions {
  /** Bytes of one message past which the server is ended. */
  readonly maxMessageBytes: number;
  /** Is called with each line of stderr, cut where it is long. */
  readonly onLog: (line: string) => void;
}

/** How long the group has after TERM before it gets KILL. */
const graceMs = 2_000;
const maxLogChars = 2_000;

export class GuardedStdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  /** Why it ended, once it has. */
  closeReason?: string;
  readonly #options: StdioOptions;
  #group?: ProcessGroup;
  #input?: WritableStreamDefaultWriter<Uint8Array>;
  #ended?: Promise<void>;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  /** The process id, which is its group's, too. */
  get pid(): number | undefined {
    return this.#group?.pid;
  }

  /** Starts the process. @throws when the command cannot be run. */
  start(): Promise<void> {
    this.#group = new ProcessGroup(this.#options);
    const { child } = this.#group;
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    const stdout = child.stdout.getReader();
    const stderr = child.stderr.getReader();
    const read = Promise.allSettled([this.#readMessages(stdout), this.#readLog(stderr)]);
    this.#ended = child.status.then(async ({ code, signal }) => {
      // A process that has left the group may hold the pipes for as long as it likes.
      const timer = setTimeout(
        () => [stdout, stderr].forEach((reader) => reader.cancel().catch(() => {})),
        graceMs,
      );
      await read;
      clearTimeout(timer);
      this.#group?.kill("SIGKILL");
      const how = signal ? `by ${signal}` : `with code ${code}`;
      this.closeReason ??= `it ended ${how}`;
      await this.#input?.abort().catch(() => {});
      this.#input = undefined;
      this.onclose?.();
    });
    return Promise.resolve();
  }

  async send(message: unknown): Promise<void> {
    if (!this.#input) throw new Error(this.closeReason ?? "the server has not been started");
    try {
      await this.#input.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
    } catch (error) {
      // It has closed its input: most likely it has just ended, and how is worth more to know.
      this.#group?.kill("SIGKILL");
      await this.#ended;
      throw new Error(this.closeReason, { cause: error });
    }
  }

  /** Ends the process group: end of input and TERM, then KILL. */
  async close(): Promise<void> {
    if (!this.#group) return;
    this.#input?.close().catch(() => {});
    this.#group?.kill("SIGTERM");
    const timer = setTimeout(() => this.#group?.kill("SIGKILL"), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  async #readMessages(stdout: Reader): Promise<void> {
    const lines = new Lines(this.#options.maxMessageBytes);
    for (let bytes = await next(stdout); bytes; bytes = await next(stdout)) {
      for (const line of lines.add(bytes)) this.#receive(line);
      if (lines.tooLong) {
        const limit = this.#options.maxMessageBytes;
        this.closeReason = `a message of it exceeded ${limit} bytes, and it was ended`;
        this.onerror?.(new Error(this.closeReason));
        this.#group?.kill("SIGKILL");
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

  async #readLog(stderr: Reader): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for (let bytes = await next(stderr); bytes; bytes = await next(stderr)) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      // A line without an end is shown in pieces: nothing of a log may pile up.
      if (rest.length > maxLogChars) {
        lines.push(rest);
        rest = "";
      }
      for (const line of lines) this.#log(line);
    }
    this.#log(rest);
  }

  #log(line: string): void {
    if (line.trim() !== "") this.#options.onLog(line.slice(0, maxLogChars));
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** The next bytes; undefined at the end, or when the reader was cancelled. */
async function next(reader: Reader): Promise<Uint8Array | undefined> {
  return (await reader.read()).value;
}

/** Cuts bytes into lines, up to one that exceeds a limit. */
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
    this.#parts = [];
    this.#size = 0;
    return text + decoder.decode();
  }
}
