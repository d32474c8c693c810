/**
 * One configured MCP server, supervised: started, restarted with growing delays when it dies, its tools
 * kept current. What goes wrong with it stays with it. Owned by the manager.
 */

import { Backoff } from "../../lib/backoff.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import { pause, waitAtMost } from "../../lib/wait.ts";
import type { Tool } from "../tool.ts";
import { matchesGlob } from "../../lib/glob.ts";
import { isAnswer, lossOf, McpConnection, type McpConnectionOptions } from "./connection.ts";
import { mcpTool } from "./tool.ts";
import type { McpCallResult, McpToolInfo } from "./types.ts";

const log = logger("tools", "mcp");

const restarts = { firstMs: 500, maxMs: 60_000 };
/** How long a server must have run for its next failure to count as the first. */
const stableMs = 60_000;
/** Lines of its log that are shown when it does not start. */
const keptLines = 8;
/** How long a server may take to answer a ping. */
const pingTimeoutMs = 5_000;
/** How long the result of a call waits for tools that the call has changed. */
const refreshWaitMs = 2_000;
/** Pause between two listings of tools that keep changing. */
const refreshPauseMs = 1_000;

/** How a server is. */
export type McpState = "starting" | "running" | "failed" | "stopped" | "disabled";

/** What an {@linkcode McpServer} is given. */
export interface McpServerOptions
  extends Omit<McpConnectionOptions, "signal" | "onLog" | "onClose" | "onToolsChanged"> {
  readonly name: string;
  /** Longest time of a call, milliseconds, where the configuration has none. */
  readonly callTimeoutMs: number;
}

export class McpServer implements AsyncDisposable {
  readonly #options: McpServerOptions;
  #state: McpState;
  #connection?: McpConnection;
  #tools: readonly Tool[] = [];
  #lastError?: string;
  /** The last that it wrote to its log: mostly why it failed. */
  #lastLines: readonly string[] = [];
  /** The end of a connection that was given up: two at once might get into each other's way. */
  #closing?: Promise<void>;
  readonly #stop = new AbortController();
  #starting?: Promise<void>;
  /** The listing of tools that the server has changed. */
  #refreshing?: Promise<void>;
  /** Whether the list of tools has changed since it was asked for. */
  #stale = false;
  /** Calls that are going on. */
  #calls = 0;
  #retry?: ReturnType<typeof setTimeout>;
  readonly #backoff = new Backoff(restarts);
  #startedAt = 0;

  constructor(options: McpServerOptions) {
    this.#options = options;
    this.#state = options.config.enabled ? "stopped" : "disabled";
  }

  get name(): string {
    return this.#options.name;
  }

  get config(): McpServerOptions["config"] {
    return this.#options.config;
  }

  get state(): McpState {
    return this.#state;
  }

  /** Why it does not run, or why it last stopped. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Its tools, as far as they are known. */
  get tools(): readonly Tool[] {
    return this.#tools;
  }

  get instructions(): string | undefined {
    return this.#connection?.instructions;
  }

  /** The process id of a stdio server that runs. */
  get pid(): number | undefined {
    return this.#connection?.pid;
  }

  get timeoutMs(): number {
    const seconds = this.config.timeoutSeconds;
    return seconds === undefined ? this.#options.callTimeoutMs : seconds * 1000;
  }

  /** Starts it where it does not run; resolves when it does, or has failed to. Never throws. */
  start(): Promise<void> {
    if (this.#state === "running" || this.#state === "disabled") return Promise.resolve();
    clearTimeout(this.#retry);
    return this.#starting ??= this.#start().finally(() => this.#starting = undefined);
  }

  /** Calls a tool; a server that is down is started first. @throws with what went wrong. */
  async call(
    tool: string,
    input: unknown,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<McpCallResult> {
    const call = { name: tool, arguments: input, signal, timeoutMs: this.timeoutMs };
    for (let attempt = 0;; attempt++) {
      await this.#untilStarted(signal);
      const connection = this.#connection;
      if (!connection) {
        throw new Error(
          `MCP server "${this.name}" is not running: ${this.#lastError ?? this.#state}`,
        );
      }
      this.#calls++;
      try {
        const result = await connection.callTool(call);
        // Tools that the call has changed are there for the model's next words, if it lists them soon.
        if (this.#refreshing) await waitAtMost(this.#refreshing, refreshWaitMs);
        return result;
      } catch (error) {
        const loss = lossOf(error);
        if (loss) await this.#lose(connection, errorText(error));
        // Whoever gave up on the call: a server that is stuck is found out, and started again. One that
        // is busy with somebody else's call may be unable to answer, and is left alone.
        else if (this.#calls === 1 && !isAnswer(error)) this.#examine(connection);
        signal.throwIfAborted();
        if (loss === "refused" && attempt === 0) continue;
        throw new Error(`MCP server "${this.name}": ${errorText(error)}`);
      } finally {
        this.#calls--;
      }
    }
  }

  /** Restarts a server that does not even answer a ping. */
  async #examine(connection: McpConnection): Promise<void> {
    try {
      await connection.ping(pingTimeoutMs);
    } catch (error) {
      // A refusal is an answer; and somebody may have begun a call that keeps it busy.
      if (isAnswer(error) || this.#calls > 0) return;
      await this.#lose(connection, `it does not answer: ${errorText(error)}`);
    }
  }

  /** Gives up a connection that leads nowhere. */
  async #lose(connection: McpConnection, why: string): Promise<void> {
    if (this.#connection !== connection) return;
    this.#closing = connection[Symbol.asyncDispose]();
    this.#fail(why);
    await this.#closing;
  }

  /** Stops it for good: the child's whole process group is ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#retry);
    this.#state = "disabled";
    this.#tools = [];
    this.#stop.abort(new Error("it was stopped"));
    await this.#starting;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    this.#state = "starting";
    this.#lastLines = [];
    let connection: McpConnection | undefined;
    try {
      await this.#closing;
      connection = await McpConnection.open({
        ...this.#options,
        signal: this.#stop.signal,
        onLog: (line) => {
          this.#lastLines = [...this.#lastLines, line].slice(-keptLines);
          log.debug("{server}: {line}", { server: this.name, line });
        },
        onClose: (why) => this.#onClose(connection, why),
        onToolsChanged: () => {
          if (connection) this.#requestRefresh(connection);
        },
      });
      // It may have been stopped while it started.
      if (this.#isStopped()) return await connection[Symbol.asyncDispose]();
      this.#connection = connection;
      this.#startedAt = Date.now();
      this.#tools = this.#toTools(await connection.listTools(this.#stop.signal));
      if (this.#connection !== connection) throw new Error("it ended while it listed its tools");
      this.#state = "running";
      this.#lastError = undefined;
      log.info("MCP server {server} runs, with {count} tools", {
        server: this.name,
        count: this.#tools.length,
      });
    } catch (error) {
      await connection?.[Symbol.asyncDispose]();
      // What is wrong with the configuration does not heal by itself.
      if (error instanceof ConfigError) return this.#fail(error.message, { retry: false });
      const lines = this.#lastLines.map((line) => `\n  ${line.slice(0, 300)}`).join("");
      this.#fail(`${errorText(error)}${lines && `; it wrote last:${lines}`}`);
    }
  }

  #isStopped(): boolean {
    return this.#state === "disabled";
  }

  #onClose(connection: McpConnection | undefined, why = "it ended"): void {
    if (connection === undefined || this.#connection !== connection) return;
    if (Date.now() - this.#startedAt > stableMs) this.#backoff.reset();
    if (this.#state === "running") this.#fail(why);
    else this.#connection = undefined;
  }

  #fail(why: string, { retry = true } = {}): void {
    this.#connection = undefined;
    // Its tools stay on offer: a call waits for the restart.
    if (this.#isStopped()) return;
    this.#state = "failed";
    this.#lastError = why;
    if (!retry) {
      log.error("MCP server {server} cannot start: {error}", { server: this.name, error: why });
      return;
    }
    const delayMs = this.#backoff.next();
    log.warn("MCP server {server} failed: {error}; next try in {delay} ms", {
      server: this.name,
      error: why,
      delay: delayMs,
    });
    this.#retry = setTimeout(() => this.start(), delayMs);
  }

  /** Lists the tools anew: one listing at a time, one more for all changes that come meanwhile. */
  #requestRefresh(connection: McpConnection): void {
    this.#stale = true;
    this.#refreshing ??= this.#refreshWhileStale(connection).finally(() =>
      this.#refreshing = undefined
    );
  }

  async #refreshWhileStale(connection: McpConnection): Promise<void> {
    while (this.#stale && this.#connection === connection) {
      this.#stale = false;
      await this.#refresh(connection);
      // A server may announce a change at each listing; that must not keep anybody busy.
      if (this.#stale) await pause(refreshPauseMs, this.#stop.signal);
    }
  }

  async #refresh(connection: McpConnection): Promise<void> {
    try {
      const tools = this.#toTools(await connection.listTools(this.#stop.signal));
      if (this.#connection === connection) this.#tools = tools;
    } catch (error) {
      log.warn("MCP server {server} does not list its tools: {error}", {
        server: this.name,
        error: errorText(error),
      });
    }
  }

  #toTools(infos: readonly McpToolInfo[]): readonly Tool[] {
    const allowed = this.config.allowedTools;
    return infos
      .filter(({ name }) => allowed?.some((pattern) => matchesGlob(pattern, name)) ?? true)
      .map((info) => mcpTool(info, this));
  }

  /** Waits for a start that is going on, or begins one where the server has failed. */
  async #untilStarted(signal: AbortSignal): Promise<void> {
    if (this.#state !== "failed" && this.#state !== "starting" && this.#state !== "stopped") return;
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    const started = Promise.race([this.start(), aborted]);
    await waitAtMost(started, this.config.startTimeoutSeconds * 1000);
    signal.throwIfAborted();
  }
}
