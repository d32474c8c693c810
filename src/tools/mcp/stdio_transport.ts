/**
 * Runs an MCP server as a child process that exchanges JSON messages, one per line. Unlike the SDK's
 * transport it ends the whole process group, limits the size of a message, and leaves no orphans when
 * the gateway is killed.
 */

import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ProcessGroup, type ProcessGroupOptions } from "../../platform/process_group.ts";
import { repairMessage } from "./json_rpc.ts";

type McpMessage = Parameters<NonNullable<Transport["onmessage"]>>[0];

/** Options of a {@linkcode GuardedStdioTransport}. */
export interface StdioOptions extends ProcessGroupOptions {
  /** Longest message, bytes; a longer one ends the server. */
  readonly maxMessageBytes: number;
  /** Called with each line of stderr; long lines are cut. */
  readonly onLog: (line: string) => void;
}

/** How long to wait between SIGTERM and SIGKILL, milliseconds. */
const graceMs = 2_000;
const maxLogChars = 2_000;

export class GuardedStdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  /** Why the server ended. */
  closeReason?: string;
  readonly #options: StdioOptions;
  #group?: ProcessGroup;
  #input?: WritableStreamDefaultWriter<Uint8Array>;
  #ended?: Promise<void>;

  constructor(options: StdioOptions) {
    this.#options = options;
  }

  /** The id of the process and its group. */
  get pid(): number | undefined {
    return this.#group?.pid;
  }

  /** Starts the process. @throws if the command cannot be run. */
  start(): Promise<void> {
    this.#group = new ProcessGroup(this.#options);
    const { child } = this.#group;
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    const stdout = child.stdout.getReader();
    const stderr = child.stderr.getReader();
    const read = Promise.allSettled([this.#readMessages(stdout), this.#readLog(stderr)]);
    this.#ended = child.status.then(async ({ code, signal }) => {
      // A process that has left the group may keep the pipes open.
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
      // The server has closed its input, most likely because it ended: report how it ended.
      this.#group?.kill("SIGKILL");
      await this.#ended;
      throw new Error(this.closeReason, { cause: error });
    }
  }

  /** Ends the process group: closes its input, sends SIGTERM, then SIGKILL. */
  async close(): Promise<void> {
    if (!this.#group) return;
    this.#input?.close().catch(() => {});
    this.#group?.kill("SIGTERM");
    const timer = setTimeout(() => this.#group?.kill("SIGKILL"), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  async #readMessages(stdout: Reader): Promise<void> {
    const lines = new LineSplitter(this.#options.maxMessageBytes);
    for (let bytes = await next(stdout); bytes; bytes = await next(stdout)) {
      for (const line of lines.add(bytes)) this.#receive(line);
      if (lines.tooLong) {
        const limit = this.#options.maxMessageBytes;
        this.closeReason = `it was ended because a message exceeded ${limit} bytes`;
        this.onerror?.(new Error(this.closeReason));
        this.#group?.kill("SIGKILL");
        await stdout.cancel().catch(() => {});
        return;
      }
    }
  }

  #receive(line: string): void {
    if (line.trim() === "") return;
    let messages: readonly unknown[];
    try {
      messages = [JSON.parse(line)].flat();
    } catch (error) {
      const problem = `the server wrote invalid JSON: ${line.slice(0, 200)}`;
      this.onerror?.(new Error(problem, { cause: error }));
      return;
    }
    for (const message of messages) {
      try {
        this.onmessage?.(repairMessage(message) as McpMessage);
      } catch (error) {
        this.onerror?.(error as Error);
      }
    }
  }

  async #readLog(stderr: Reader): Promise<void> {
    const decoder = new TextDecoder();
    let pending = "";
    for (let bytes = await next(stderr); bytes; bytes = await next(stderr)) {
      const lines = (pending + decoder.decode(bytes, { stream: true })).split("\n");
      pending = lines.pop()!;
      // Log an endless line in pieces, so that memory stays bounded.
      if (pending.length > maxLogChars) {
        lines.push(pending);
        pending = "";
      }
      for (const line of lines) this.#log(line);
    }
    this.#log(pending);
  }

  #log(line: string): void {
    if (line.trim() !== "") this.#options.onLog(line.slice(0, maxLogChars));
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** The next bytes; undefined at the end or after the reader was cancelled. */
async function next(reader: Reader): Promise<Uint8Array | undefined> {
  return (await reader.read()).value;
}

/** Splits bytes into lines, up to a maximum length. */
class LineSplitter {
  readonly #limit: number;
  #parts: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether the current line exceeds the limit. */
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
