/**
 * One live connection to an MCP server: the SDK's client on the transport that the configuration asks
 * for. The SDK is loaded with the first one. Made by `mcp_server.ts`.
 */

import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { hideFromLog } from "../../logging/log.ts";
import { secretsOfHeaders, secretsOfQuery, secretsOfUrl } from "../../logging/redaction.ts";
import { version } from "../../config/version.ts";
import { Deadline } from "../../lib/deadline.ts";
import { expandVariables } from "../../lib/variables.ts";
import type { McpServerConfig } from "./config_file.ts";
import type { McpCallResult, McpToolInfo } from "./types.ts";
import { cappedFetch } from "./capped_fetch.ts";
import { GuardedStdioTransport } from "./stdio_transport.ts";

/** Where a connection's surroundings come from. */
export interface McpConnectionOptions {
  readonly config: McpServerConfig;
  /** Looks up `${NAME}`s of the configuration. */
  readonly environment: (name: string) => string | undefined;
  /** What a child inherits of the gateway's environment: no secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Bytes of one message past which the server is given up. */
  readonly maxMessageBytes: number;
  /** Ends a start that is going on. */
  readonly signal: AbortSignal;
  readonly onLog: (line: string) => void;
  /** Is called with why, where that is known. */
  readonly onClose: (why: string | undefined) => void;
  readonly onToolsChanged: () => void;
}

/** How a tool is called. */
export interface McpCall {
  readonly name: string;
  readonly arguments: unknown;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** More pages of tools than any honest server has. */
const maxPages = 100;
/** Tools that are taken of one server. */
const maxTools = 500;

export class McpConnection implements AsyncDisposable {
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #startTimeoutMs: number;

  /** Connects. @throws when the server cannot be started, or does not answer within its time. */
  static async open(options: McpConnectionOptions): Promise<McpConnection> {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const [first, ...others] = await transportsOf(options);
    const { startTimeoutSeconds } = options.config;
    const timeout = startTimeoutSeconds * 1000;
    // The SDK's own time-out begins when the transport has started, which over SSE may never be.
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
        problem = deadline.timedOut ? new Error(late) : reasoned(error, transport);
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
    // The transport's own `onerror` has logged it.
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
      const refusal = new Error(`The Clara gateway does not serve ${method}`);
      return Promise.reject(Object.assign(refusal, { code: methodNotFound }));
    };
  }

  /** The process id of a stdio server. */
  get pid(): number | undefined {
    return this.#transport instanceof GuardedStdioTransport ? this.#transport.pid : undefined;
  }

  /** What the server says about its use. */
  get instructions(): string | undefined {
    return this.#client.getInstructions();
  }

  /** All tools of the server, over all pages. */
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

  /** Calls a tool. @throws when it is cancelled, takes too long, or the server is gone. */
  async callTool({ name, signal, timeoutMs, ...call }: McpCall): Promise<McpCallResult> {
    try {
      return await this.#client.callTool(
        { name, arguments: call.arguments },
        undefined,
        // Progress of a long call counts as life; the turn's own time still ends it.
        { signal, timeout: timeoutMs, resetTimeoutOnProgress: true, onprogress: () => {} },
      );
    } catch (error) {
      throw reasoned(error, this.#transport);
    }
  }

  /** Asks for a sign of life. @throws when there is none in time. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#client.ping({ timeout: timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.onclose = undefined;
    await this.#client.close().catch(() => {});
  }
}

/** What a call over HTTP ran into when the server, or its session, is gone. */
export type McpLoss = "refused" | "unreachable";

/**
 * Whether a call's error says that a server over HTTP is there no more (`unreachable`), or knows the
 * session no more and has not run the call (`refused`), as one does that was restarted.
 */
export function lossOf(error: unknown): McpLoss | undefined {
  if (error instanceof TypeError) return "unreachable";
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  // By their texts, since classes have other names in the compiled program.
  if (!/^(?:Streamable HTTP|SSE) error: /.test(message ?? "")) return undefined;
  return code === 400 || code === 404 ? "refused" : "unreachable";
}

/** Whether a call's error is the server's own answer, and so a sign of life. */
export function isAnswer(error: unknown): boolean {
  if ((error as Error).name !== "McpError") return false;
  // The SDK's own: the connection closed, the time is over.
  return ![-32000, -32001].includes((error as { readonly code: number }).code);
}

/** Whether an error of a transport says that nothing will come from the server any more. */
function isLoss(error: Error): boolean {
  return error.message.startsWith("SSE error: ") ||
    error.message.startsWith("Maximum reconnection attempts");
}

function closeReasonOf(transport: Transport): string | undefined {
  return transport instanceof GuardedStdioTransport ? transport.closeReason : undefined;
}

/** An error with the reason in place of "Connection closed", where there is one. */
function reasoned(error: unknown, transport: Transport): unknown {
  const reason = closeReasonOf(transport);
  return reason === undefined ? error : new Error(reason);
}

/** JSON-RPC's code for a method that is not served. */
const methodNotFound = -32601;

interface Notification {
  readonly method: string;
  readonly params?: { readonly data?: unknown };
}

/** The transports to try, in order, each made when its turn comes. */
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
