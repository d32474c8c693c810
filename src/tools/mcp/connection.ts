/**
 * A connection to an MCP server: the SDK's client on the configured transport. The SDK is loaded on
 * first use.
 */

import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { hideFromLog } from "../../logging/log.ts";
import { secretsOfHeaders, secretsOfQuery, secretsOfUrl } from "../../logging/redaction.ts";
import { version } from "../../config/version.ts";
import { Deadline } from "../../lib/deadline.ts";
import { expandVariables } from "../../lib/variables.ts";
import type { McpServerConfig } from "./config_file.ts";
import type { McpCallResult } from "./content.ts";
import { cappedFetch } from "./http_transport.ts";
import { GuardedStdioTransport } from "./stdio_transport.ts";
import type { McpToolInfo } from "./tool.ts";

/** Options of an {@linkcode McpConnection}. */
export interface McpConnectionOptions {
  readonly config: McpServerConfig;
  /** Looks up the `${NAME}` variables of the configuration. */
  readonly environment: (name: string) => string | undefined;
  /** The environment of child processes, without the gateway's secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Longest message, bytes; a longer one ends the connection. */
  readonly maxMessageBytes: number;
  /** Aborts connecting. */
  readonly signal: AbortSignal;
  readonly onLog: (line: string) => void;
  /** Called with the reason, if known. */
  readonly onClose: (why: string | undefined) => void;
  readonly onToolsChanged: () => void;
}

/** A call of a tool. */
export interface McpCall {
  readonly name: string;
  readonly arguments: unknown;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** Limit on the pages of a list, against endless ones. */
const maxPages = 100;
/** Limit on the tools of one server. */
const maxTools = 500;

export class McpConnection implements AsyncDisposable {
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #startTimeoutMs: number;

  /** Connects. @throws if the server cannot be started or does not answer in time. */
  static async open(options: McpConnectionOptions): Promise<McpConnection> {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const [first, ...others] = await transportsOf(options);
    const { startTimeoutSeconds } = options.config;
    const timeout = startTimeoutSeconds * 1000;
    // The SDK's time-out starts only after the transport has, which over SSE may be never.
    using deadline = new Deadline({ ms: timeout, signal: options.signal });
    const { signal } = deadline;
    let problem: unknown;
    for (const makeTransport of [first!, ...others]) {
      // No capabilities: a server's requests for sampling or elicitation are refused.
      const client = new Client({ name: "clara-gateway", version }, { capabilities: {} });
      const transport = makeTransport();
      transport.onerror = (error: Error) => options.onLog(error.message);
      try {
        await deadline.race(client.connect(transport, { timeout, signal }));
        return new McpConnection(client, transport, options);
      } catch (error) {
        const late = `it did not answer within ${startTimeoutSeconds} seconds`;
        problem = deadline.timedOut ? new Error(late) : withCloseReason(error, transport);
        await client.close().catch(() => {});
        if (signal.aborted) break;
      }
    }
    throw problem;
  }

  private constructor(client: Client, transport: Transport, options: McpConnectionOptions) {
    this.#client = client;
    this.#transport = transport;
    this.#startTimeoutMs = options.config.startTimeoutSeconds * 1000;
    client.onclose = () => options.onClose(closeReasonOf(transport));
    // The transport's `onerror` has already logged it.
    client.onerror = (error: Error) => {
      if (isLoss(error)) client.close().catch(() => {});
    };
    client.fallbackNotificationHandler = ({ method, params }: Notification) => {
      if (method === "notifications/tools/list_changed") options.onToolsChanged();
      if (method === "notifications/message") options.onLog(JSON.stringify(params?.data ?? params));
      return Promise.resolve();
    };
    client.fallbackRequestHandler = ({ method }: { readonly method: string }) => {
      options.onLog(`refused the server's request ${method}`);
      const refusal = new Error(`The Clara gateway does not support ${method}`);
      return Promise.reject(Object.assign(refusal, { code: methodNotFound }));
    };
  }

  /** The process id of a stdio server. */
  get pid(): number | undefined {
    return this.#transport instanceof GuardedStdioTransport ? this.#transport.pid : undefined;
  }

  /** The server's instructions for the model. */
  get instructions(): string | undefined {
    return this.#client.getInstructions();
  }

  /** Lists all tools of the server, over all pages. */
  async listTools(signal: AbortSignal): Promise<readonly McpToolInfo[]> {
    if (!this.#client.getServerCapabilities()?.tools) return [];
    const tools: McpToolInfo[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < maxPages && tools.length < maxTools; page++) {
      const result = await this.#client.listTools(
        { cursor },
        { signal, timeout: this.#startTimeoutMs },
      );
      tools.push(...result.tools as readonly McpToolInfo[]);
      cursor = result.nextCursor;
      if (!cursor) break;
    }
    return tools.slice(0, maxTools);
  }

  /** Calls a tool. @throws if it is cancelled, takes too long, or the connection is lost. */
  async callTool({ name, signal, timeoutMs, ...call }: McpCall): Promise<McpCallResult> {
    try {
      return await this.#client.callTool(
        { name, arguments: call.arguments },
        undefined,
        // Progress extends the SDK's time-out; the executor's still applies.
        { signal, timeout: timeoutMs, resetTimeoutOnProgress: true, onprogress: () => {} },
      );
    } catch (error) {
      throw withCloseReason(error, this.#transport);
    }
  }

  /** Pings the server. @throws if it does not answer in time. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#client.ping({ timeout: timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.onclose = undefined;
    await this.#client.close().catch(() => {});
  }
}

/** How a connection over HTTP was lost. */
export type McpLoss = "refused" | "unreachable";

/**
 * Classifies the error of a call: the server is `unreachable`, or it `refused` the session, as after a
 * restart. Undefined if the connection is not lost.
 */
export function lossOf(error: unknown): McpLoss | undefined {
  if (error instanceof TypeError) return "unreachable";
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  // Recognized by text, since class names change in the compiled program.
  if (!/^(?:Streamable HTTP|SSE) error: /.test(message ?? "")) return undefined;
  return code === 400 || code === 404 ? "refused" : "unreachable";
}

/** Whether the error of a call is the server's answer, which proves that it is alive. */
export function isAnswer(error: unknown): boolean {
  if ((error as Error).name !== "McpError") return false;
  // These two are the SDK's: connection closed, request timed out.
  return ![-32000, -32001].includes((error as { readonly code: number }).code);
}

/** Whether a transport error means that the connection is dead. */
function isLoss(error: Error): boolean {
  return error.message.startsWith("SSE error: ") ||
    error.message.startsWith("Maximum reconnection attempts");
}

function closeReasonOf(transport: Transport): string | undefined {
  return transport instanceof GuardedStdioTransport ? transport.closeReason : undefined;
}

/** Replaces the SDK's "Connection closed" by the reason, if known. */
function withCloseReason(error: unknown, transport: Transport): unknown {
  const reason = closeReasonOf(transport);
  return reason === undefined ? error : new Error(reason);
}

/** JSON-RPC's code for an unknown method. */
const methodNotFound = -32601;

interface Notification {
  readonly method: string;
  readonly params?: { readonly data?: unknown };
}

/** The transports to try, in order, each created on demand. */
async function transportsOf(options: McpConnectionOptions): Promise<readonly (() => Transport)[]> {
  const { config, environment, childEnvironment, maxMessageBytes, onLog } = options;
  const expand = (text: string) => expandVariables(text, environment);
  const expandAll = (record: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, expand(value)]));
  if (config.command !== undefined) {
    const stdio = {
      command: expand(config.command),
      args: config.args.map(expand),
      env: { ...childEnvironment, ...expandAll(config.env) },
      cwd: config.cwd === undefined ? undefined : expand(config.cwd),
      maxMessageBytes,
      onLog,
    };
    return [() => new GuardedStdioTransport(stdio)];
  }
  const url = new URL(expand(config.url!));
  const { href } = url;
  const headers = expandAll(config.headers);
  hideFromLog([...secretsOfUrl(href), ...secretsOfQuery(href), ...secretsOfHeaders(headers)]);
  const http = {
    requestInit: { headers },
    fetch: cappedFetch(maxMessageBytes),
  };
  const [{ StreamableHTTPClientTransport }, { SSEClientTransport }] = await Promise.all([
    import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
    import("@modelcontextprotocol/sdk/client/sse.js"),
  ]);
  const streamable = () => new StreamableHTTPClientTransport(url, http);
  const sse = () => new SSEClientTransport(url, http);
  if (config.type === "sse") return [sse];
  return config.type === undefined ? [streamable, sse] : [streamable];
}
