/**
 * Supervises one MCP server: starts it, restarts it with growing delays when it fails, and keeps its
 * tools up to date.
 */

import { Backoff } from "../../lib/backoff.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import { pause, waitAtMost } from "../../lib/wait.ts";
import type { Tool } from "../tool.ts";
import { matchesGlob } from "../../lib/glob.ts";
import type { McpCallResult } from "./content.ts";
import { isAnswer, lossOf, McpConnection, type McpConnectionOptions } from "./connection.ts";
import { mcpTool, type McpToolInfo } from "./tool.ts";

const log = logger("tools", "mcp");

const restarts = { firstMs: 500, maxMs: 60_000 };
/** After running this long, the restart delays begin from the first again, milliseconds. */
const stableMs = 60_000;
/** Log lines shown if the server does not start. */
const maxLogLines = 8;
/** Time limit of a ping, milliseconds. */
const pingTimeoutMs = 5_000;
/** How long a call's result waits for tools that the call has changed, milliseconds. */
const refreshWaitMs = 2_000;
/** Pause between two listings of tools that keep changing, milliseconds. */
const refreshPauseMs = 1_000;

/** The state of a server. */
export type McpState = "starting" | "running" | "failed" | "stopped" | "disabled";

/** Options of an {@linkcode McpServer}. */
export interface McpServerOptions
  extends Omit<McpConnectionOptions, "signal" | "onLog" | "onClose" | "onToolsChanged"> {
  readonly name: string;
  /** Time limit of a call if the configuration sets none, milliseconds. */
  readonly callTimeoutMs: number;
}

export class McpServer implements AsyncDisposable {
  readonly #options: McpServerOptions;
  #state: McpState;
  #connection?: McpConnection;
  #tools: readonly Tool[] = [];
  #lastError?: string;
  /** The last lines of its log, which usually say why it failed. */
  #lastLines: readonly string[] = [];
  /** Closes the lost connection; the next one must not overlap it. */
  #closing?: Promise<void>;
  readonly #stop = new AbortController();
  #starting?: Promise<void>;
  /** A running update of the tools. */
  #refreshing?: Promise<void>;
  /** Whether the tools have changed since they were last listed. */
  #stale = false;
  /** The number of running calls. */
  #runningCalls = 0;
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

  /** Why it is not running. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Its tools, as last listed. */
  get tools(): readonly Tool[] {
    return this.#tools;
  }

  get instructions(): string | undefined {
    return this.#connection?.instructions;
  }

  /** The process id of a running stdio server. */
  get pid(): number | undefined {
    return this.#connection?.pid;
  }

  get timeoutMs(): number {
    const seconds = this.config.timeoutSeconds;
    return seconds === undefined ? this.#options.callTimeoutMs : seconds * 1000;
  }

  /** Starts it if it is not running. Resolves when it is running or has failed. Never throws. */
  start(): Promise<void> {
    if (this.#state === "running" || this.#state === "disabled") return Promise.resolve();
    clearTimeout(this.#retry);
    return this.#starting ??= this.#start().finally(() => this.#starting = undefined);
  }

  /** Calls a tool; starts the server first if it is down. @throws if the call fails. */
  async call(
    tool: string,
    input: unknown,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<McpCallResult> {
    const call = { name: tool, arguments: input, signal, timeoutMs: this.timeoutMs };
    for (let attempt = 0;; attempt++) {
      await this.#waitUntilStarted(signal);
      const connection = this.#connection;
      if (!connection) {
        throw new Error(
          `MCP server "${this.name}" is not running: ${this.#lastError ?? this.#state}`,
        );
      }
      this.#runningCalls++;
      try {
        const result = await connection.callTool(call);
        // The model's next request should include tools that this call has changed.
        if (this.#refreshing) await waitAtMost(this.#refreshing, refreshWaitMs);
        return result;
      } catch (error) {
        const loss = lossOf(error);
        if (loss) await this.#lose(connection, errorText(error));
        // The server may be stuck. If it is busy with another call, it may be unable to answer a ping.
        else if (this.#runningCalls === 1 && !isAnswer(error)) this.#checkAlive(connection);
        signal.throwIfAborted();
        if (loss === "refused" && attempt === 0) continue;
        throw new Error(`MCP server "${this.name}": ${errorText(error)}`);
      } finally {
        this.#runningCalls--;
      }
    }
  }

  /** Restarts the server if it does not answer a ping. */
  async #checkAlive(connection: McpConnection): Promise<void> {
    try {
      await connection.ping(pingTimeoutMs);
    } catch (error) {
      // An error answer counts too; a call that has started since may keep the server busy.
      if (isAnswer(error) || this.#runningCalls > 0) return;
      await this.#lose(connection, `it does not answer: ${errorText(error)}`);
    }
  }

  /** Closes a dead connection. */
  async #lose(connection: McpConnection, why: string): Promise<void> {
    if (this.#connection !== connection) return;
    this.#closing = connection[Symbol.asyncDispose]();
    this.#fail(why);
    await this.#closing;
  }

  /** Stops the server for good, with its whole process group. */
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
          this.#lastLines = [...this.#lastLines, line].slice(-maxLogLines);
          log.debug("{server}: {line}", { server: this.name, line });
        },
        onClose: (why) => this.#onClose(connection, why),
        onToolsChanged: () => {
          if (connection) this.#requestRefresh(connection);
        },
      });
      // It may have been stopped in the meantime.
      if (this.#isStopped()) return await connection[Symbol.asyncDispose]();
      this.#connection = connection;
      this.#startedAt = Date.now();
      this.#tools = this.#toTools(await connection.listTools(this.#stop.signal));
      if (this.#connection !== connection) throw new Error("it ended while listing its tools");
      this.#state = "running";
      this.#lastError = undefined;
      log.info("MCP server {server} is running with {count} tools", {
        server: this.name,
        count: this.#tools.length,
      });
    } catch (error) {
      await connection?.[Symbol.asyncDispose]();
      // Retrying does not fix the configuration.
      if (error instanceof ConfigError) return this.#fail(error.message, { retry: false });
      const lines = this.#lastLines.map((line) => `\n  ${line.slice(0, 300)}`).join("");
      this.#fail(`${errorText(error)}${lines && `; its last output:${lines}`}`);
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
    // Its tools stay available: a call waits for the restart.
    if (this.#isStopped()) return;
    this.#state = "failed";
    this.#lastError = why;
    if (!retry) {
      log.error("MCP server {server} cannot start: {error}", { server: this.name, error: why });
      return;
    }
    const delayMs = this.#backoff.next();
    log.warn("MCP server {server} failed: {error}; retrying in {delay} ms", {
      server: this.name,
      error: why,
      delay: delayMs,
    });
    this.#retry = setTimeout(() => this.start(), delayMs);
  }

  /** Updates the tools. Changes during an update cause one more. */
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
      // A server may announce a change with each listing.
      if (this.#stale) await pause(refreshPauseMs, this.#stop.signal);
    }
  }

  async #refresh(connection: McpConnection): Promise<void> {
    try {
      const tools = this.#toTools(await connection.listTools(this.#stop.signal));
      if (this.#connection === connection) this.#tools = tools;
    } catch (error) {
      log.warn("MCP server {server} cannot list its tools: {error}", {
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

  /** Waits for the server to start; starts it if it has failed. */
  async #waitUntilStarted(signal: AbortSignal): Promise<void> {
    if (this.#state !== "failed" && this.#state !== "starting" && this.#state !== "stopped") return;
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    const started = Promise.race([this.start(), aborted]);
    await waitAtMost(started, this.config.startTimeoutSeconds * 1000);
    signal.throwIfAborted();
  }
}
