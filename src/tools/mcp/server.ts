/**
 * Supervises one MCP server: starts it, restarts it with growing delays when it fails, and keeps its
 * tools up to date.
 */

import { Backoff, type BackoffOptions } from "../../lib/backoff.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import { matchesGlob } from "../../lib/glob.ts";
import { pause, waitAtMost } from "../../lib/wait.ts";
import { logger } from "../../logging/log.ts";
import type { Tool } from "../tool.ts";
import { isAnswer, lossOf, McpConnection, type McpConnectionOptions } from "./connection.ts";
import type { McpCallResult } from "./content.ts";
import { httpStatusOf, transportErrorText } from "./http_transport.ts";
import { LoginRequiredError } from "./oauth.ts";
import { mcpTool, readToolList } from "./tool.ts";

const log = logger("tools", "mcp");

/** Log lines shown if the server does not start. */
const maxLogLines = 8;

/** The state of a server. */
export type McpState =
  | "starting"
  | "running"
  | "failed"
  | "login_required"
  | "stopped"
  | "disabled";

/** Time limits and delays, milliseconds. */
export interface McpTimes {
  /** The delays between restarts. Default: 500, doubling up to a minute. */
  readonly restarts: BackoffOptions;
  /** After running this long, the delays begin from the first again. Default: a minute. */
  readonly stableMs: number;
  /** Time limit of a ping. Default: 5000. */
  readonly pingTimeoutMs: number;
  /** How long a call's result waits for tools that the call has changed. Default: 2000. */
  readonly refreshWaitMs: number;
  /** Pause between two listings of tools that keep changing. Default: 1000. */
  readonly refreshPauseMs: number;
}

const defaultTimes: McpTimes = {
  restarts: { firstMs: 500, maxMs: 60_000 },
  stableMs: 60_000,
  pingTimeoutMs: 5_000,
  refreshWaitMs: 2_000,
  refreshPauseMs: 1_000,
};

/** The clock that restarts go by. */
export interface McpClock {
  now(): number;
  /** Calls back after this many milliseconds; returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

const systemClock: McpClock = {
  now: Date.now,
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** The part of a connection that a server uses. */
export type McpServerConnection = Pick<
  McpConnection,
  "pid" | "instructions" | "listTools" | "callTool" | "ping" | typeof Symbol.asyncDispose
>;

/** Options of an {@linkcode McpServer}. */
export interface McpServerOptions
  extends Omit<McpConnectionOptions, "signal" | "onLog" | "onClose" | "onToolsChanged"> {
  /** Time limit of a call if the configuration sets none, milliseconds. */
  readonly callTimeoutMs: number;
  readonly times?: Partial<McpTimes>;
  /** Default: the system's. */
  readonly clock?: McpClock;
  /** Default: {@linkcode McpConnection.open}. */
  readonly connect?: (options: McpConnectionOptions) => Promise<McpServerConnection>;
}

export class McpServer implements AsyncDisposable {
  readonly #options: McpServerOptions;
  #state: McpState;
  #connection?: McpServerConnection;
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
  #cancelRetry = () => {};
  readonly #backoff: Backoff;
  readonly #times: McpTimes;
  readonly #clock: McpClock;
  /** The skipped tools that have been logged. */
  readonly #skipped = new Set<string>();
  #startedAt = 0;

  constructor(options: McpServerOptions) {
    this.#options = options;
    this.#times = { ...defaultTimes, ...options.times };
    this.#clock = options.clock ?? systemClock;
    this.#backoff = new Backoff(this.#times.restarts);
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
    this.#cancelRetry();
    return this.#starting ??= this.#start().finally(() => this.#starting = undefined);
  }

  /**
   * Calls a tool; starts the server first if it is down.
   *
   * @param options.repeatable whether the call may run twice. If not, it is not repeated when the
   * connection is lost, since it may have run.
   * @throws {Error} if the call fails.
   */
  async call(
    tool: string,
    input: unknown,
    { signal, repeatable = false }: {
      readonly signal: AbortSignal;
      readonly repeatable?: boolean;
    },
  ): Promise<McpCallResult> {
    const call = { name: tool, arguments: input, signal, timeoutMs: this.timeoutMs };
    for (let attempt = 0;; attempt++) {
      const connection = await this.#connected(signal);
      this.#runningCalls++;
      try {
        const result = await connection.callTool(call);
        // The model's next request should include tools that this call has changed.
        if (this.#refreshing) await waitAtMost(this.#refreshing, this.#times.refreshWaitMs);
        return result;
      } catch (error) {
        const lost = await this.#handleCallError(connection, error);
        signal.throwIfAborted();
        if (lost && repeatable && attempt === 0) continue;
        const doubt = (lost || isInDoubt(error)) && !repeatable
          ? "; the call may have been executed, check before you repeat it"
          : "";
        throw new Error(`MCP server "${this.name}": ${transportErrorText(error)}${doubt}`);
      } finally {
        this.#runningCalls--;
      }
    }
  }

  /** The connection, once the server has started. @throws {Error} if it does not start. */
  async #connected(signal: AbortSignal): Promise<McpServerConnection> {
    await this.#waitUntilStarted(signal);
    if (this.#connection) return this.#connection;
    throw new Error(`MCP server "${this.name}" is not running: ${this.#lastError ?? this.#state}`);
  }

  /** Returns whether the connection was lost during the call. */
  async #handleCallError(connection: McpServerConnection, error: unknown): Promise<boolean> {
    if (error instanceof LoginRequiredError) {
      await this.#lose(connection, error);
      return false;
    }
    if (lossOf(error)) {
      await this.#lose(connection, error);
      return true;
    }
    if (this.#connection !== connection) return !isAnswer(error);
    // The server may be stuck. If it is busy with another call, it may be unable to answer a ping.
    if (this.#runningCalls === 1 && !isAnswer(error)) this.#checkAlive(connection);
    return false;
  }

  /** Restarts the server if it does not answer a ping. */
  async #checkAlive(connection: McpServerConnection): Promise<void> {
    try {
      await connection.ping(this.#times.pingTimeoutMs);
    } catch (error) {
      // An error answer counts too; a call that has started since may keep the server busy.
      if (isAnswer(error) || this.#runningCalls > 0) return;
      await this.#lose(connection, new Error(`it does not answer: ${errorText(error)}`));
    }
  }

  /** Closes a dead connection. */
  async #lose(connection: McpServerConnection, error: unknown): Promise<void> {
    if (this.#connection !== connection) return;
    this.#closing = connection[Symbol.asyncDispose]();
    this.#fail(error);
    await this.#closing;
  }

  /** Stops the server for good, with its whole process group. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelRetry();
    this.#state = "disabled";
    this.#tools = [];
    this.#stop.abort(new Error("it was stopped"));
    await this.#starting;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    if (this.#state !== "login_required") this.#state = "starting";
    this.#lastLines = [];
    let connection: McpServerConnection | undefined;
    try {
      await this.#closing;
      const connect = this.#options.connect ?? McpConnection.open;
      connection = await connect({
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
      this.#startedAt = this.#clock.now();
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
      const isStdio = this.config.command !== undefined;
      this.#fail(error, { lines: isStdio ? this.#lastLines : [] });
    }
  }

  #isStopped(): boolean {
    return this.#state === "disabled";
  }

  #onClose(connection: McpServerConnection | undefined, why = "it ended"): void {
    if (connection === undefined || this.#connection !== connection) return;
    if (this.#clock.now() - this.#startedAt > this.#times.stableMs) this.#backoff.reset();
    if (this.#state === "running") this.#fail(new Error(why));
    else this.#connection = undefined;
  }

  /** @param options.lines the last lines of its log. */
  #fail(error: unknown, { lines = [] }: { readonly lines?: readonly string[] } = {}): void {
    this.#connection = undefined;
    // Its tools stay available: a call waits for the restart.
    if (this.#isStopped()) return;
    const output = lines.map((line) => `\n  ${line.slice(0, 300)}`).join("");
    const why = transportErrorText(error);
    const known = this.#state === "login_required" && this.#lastError === why;
    this.#lastError = `${why}${output && `; its last output:${output}`}`;
    const context = { server: this.name, error: this.#lastError };
    this.#state = error instanceof LoginRequiredError ? "login_required" : "failed";
    // Retrying does not fix the configuration.
    if (error instanceof ConfigError) {
      log.error("MCP server {server} cannot start: {error}", context);
      return;
    }
    const delay = this.#backoff.next();
    if (this.#state === "login_required") {
      if (!known) log.warn("MCP server {server}: {error}", context);
    } else {
      log.warn("MCP server {server} failed: {error}; retrying in {delay} ms", {
        ...context,
        delay,
      });
    }
    this.#cancelRetry = this.#clock.after(delay, () => this.start());
  }

  /** Updates the tools. Changes during an update cause one more. */
  #requestRefresh(connection: McpServerConnection): void {
    this.#stale = true;
    this.#refreshing ??= this.#refreshWhileStale(connection).finally(() =>
      this.#refreshing = undefined
    );
  }

  async #refreshWhileStale(connection: McpServerConnection): Promise<void> {
    while (this.#stale && this.#connection === connection) {
      this.#stale = false;
      await this.#refresh(connection);
      // A server may announce a change with each listing.
      if (this.#stale) await pause(this.#times.refreshPauseMs, this.#stop.signal);
    }
  }

  async #refresh(connection: McpServerConnection): Promise<void> {
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

  /** Converts the listed tools; skips those that are unusable or not allowed. */
  #toTools(list: readonly unknown[]): readonly Tool[] {
    const allowed = this.config.allowedTools;
    return readToolList(list, (tool, reason) => this.#logSkipped(tool, reason))
      .filter(({ name }) => allowed?.some((pattern) => matchesGlob(pattern, name)) ?? true)
      .map((info) => mcpTool(info, this));
  }

  #logSkipped(tool: string, reason: string): void {
    const key = `${tool}: ${reason}`;
    if (this.#skipped.has(key)) return;
    this.#skipped.add(key);
    log.warn("MCP server {server}: skipping tool {tool}: {reason}", {
      server: this.name,
      tool,
      reason,
    });
  }

  /** Waits for the server to start; starts it if it has failed. */
  async #waitUntilStarted(signal: AbortSignal): Promise<void> {
    if (this.#state === "running" || this.#state === "disabled") return;
    const aborted = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
    const started = Promise.race([this.start(), aborted]);
    await waitAtMost(started, this.config.startTimeoutSeconds * 1000);
    signal.throwIfAborted();
  }
}

/** Whether the server may have run a call that it refused with this error. */
function isInDoubt(error: unknown): boolean {
  const status = httpStatusOf(error) ?? 0;
  return status === 400 || status >= 500;
}
