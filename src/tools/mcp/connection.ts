/**
 * A connection to an MCP server: the SDK's client on the configured transport. The SDK is loaded on
 * first use. Lists and results are requested without the SDK's schemas, so that one invalid part does
 * not make the rest unusable.
 */

import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import * as z from "zod";
import { version } from "../../config/version.ts";
import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import { expandVariables } from "../../lib/variables.ts";
import type { McpServerConfig } from "./config_file.ts";
import { type McpCallResult, readCallResult } from "./content.ts";
import {
  allowsSseFallback,
  httpEndpoint,
  httpStatusOf,
  httpTransports,
  transportErrorText,
} from "./http_transport.ts";
import { isObject } from "./json_rpc.ts";
import { OAuthSession, type OAuthStore } from "./oauth.ts";
import { GuardedStdioTransport } from "./stdio_transport.ts";

/** Options of an {@linkcode McpConnection}. */
export interface McpConnectionOptions {
  /** The name of the server. */
  readonly name: string;
  readonly config: McpServerConfig;
  /** Looks up the `${NAME}` variables of the configuration. */
  readonly environment: (name: string) => string | undefined;
  /** The environment of child processes, without the gateway's secrets. */
  readonly childEnvironment: Readonly<Record<string, string>>;
  /** Longest message, bytes; a longer one ends the connection. */
  readonly maxMessageBytes: number;
  /** The logins to servers that are protected by OAuth. */
  readonly logins: OAuthStore;
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
/** How long a server that declares no tools may take to list them, milliseconds. */
const undeclaredTimeoutMs = 3_000;

/** Accepts any result. */
const anyResult = z.unknown();
/** JSON-RPC's code for an unknown method. */
const methodNotFound = -32601;

interface Transports {
  /** The transports to try, in order, each created on demand. */
  readonly candidates: readonly (() => Transport)[];
  readonly oauth?: OAuthSession;
}

interface Notification {
  readonly method: string;
  readonly params?: { readonly data?: unknown };
}

export class McpConnection implements AsyncDisposable {
  readonly #client: Client;
  readonly #transport: Transport;
  readonly #oauth?: OAuthSession;
  readonly #startTimeoutMs: number;

  /**
   * Connects.
   *
   * @throws {LoginRequiredError} if the server requires a login.
   * @throws {Error} if it cannot be started or does not answer in time.
   */
  static async open(options: McpConnectionOptions): Promise<McpConnection> {
    const { candidates, oauth } = await transportsOf(options);
    const { startTimeoutSeconds } = options.config;
    // The SDK's time-out starts only after the transport has, which over SSE may be never.
    using deadline = new Deadline({
      ms: startTimeoutSeconds * 1000,
      signal: options.signal,
      reason: new Error(`it did not answer within ${startTimeoutSeconds} seconds`),
    });
    const problems: string[] = [];
    for (const [index, createTransport] of candidates.entries()) {
      const transport = createTransport();
      try {
        return await McpConnection.#connect(transport, { ...options, deadline, oauth });
      } catch (error) {
        if (oauth?.loginRequired) throw oauth.loginRequired;
        deadline.signal.throwIfAborted();
        const isLast = index === candidates.length - 1;
        if (isLast && problems.length === 0) throw withReason(error, transport);
        problems.push(`${index > 0 ? "over SSE: " : ""}${transportErrorText(error)}`);
        if (isLast || !allowsSseFallback(error)) break;
      }
    }
    throw new Error(problems.join("; "));
  }

  static async #connect(
    transport: Transport,
    options: McpConnectionOptions & {
      readonly deadline: Deadline;
      readonly oauth: OAuthSession | undefined;
    },
  ): Promise<McpConnection> {
    const { deadline, oauth } = options;
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    // No capabilities: a server's requests for sampling or elicitation are refused.
    const client = new Client({ name: "clara-gateway", version }, { capabilities: {} });
    transport.onerror = (error: Error) => options.onLog(transportErrorText(error));
    const timeout = options.config.startTimeoutSeconds * 1000;
    const { signal } = deadline;
    try {
      await deadline.race(client.connect(transport, { timeout, signal }));
      return new McpConnection(client, transport, options, oauth);
    } catch (error) {
      await client.close().catch(() => {});
      throw error;
    }
  }

  private constructor(
    client: Client,
    transport: Transport,
    options: McpConnectionOptions,
    oauth: OAuthSession | undefined,
  ) {
    this.#client = client;
    this.#transport = transport;
    this.#oauth = oauth;
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

  /** Lists all tools of the server, over all pages, as the server returned them. */
  async listTools(signal: AbortSignal): Promise<readonly unknown[]> {
    if (this.#client.getServerCapabilities()?.tools) {
      return await this.#listPages(signal, this.#startTimeoutMs);
    }
    // Some servers have tools without declaring them.
    const timeoutMs = Math.min(undeclaredTimeoutMs, this.#startTimeoutMs);
    return await this.#listPages(signal, timeoutMs).catch(() => []);
  }

  async #listPages(signal: AbortSignal, timeout: number): Promise<readonly unknown[]> {
    const tools: unknown[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < maxPages && tools.length < maxTools; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const result = await this.#request("tools/list", params, { signal, timeout });
      const { tools: list, nextCursor } = isObject(result) ? result : {};
      if (Array.isArray(list)) tools.push(...list);
      // A server that repeats its cursor would be asked for ever.
      if (typeof nextCursor !== "string" || nextCursor === "" || nextCursor === cursor) break;
      cursor = nextCursor;
    }
    return tools.slice(0, maxTools);
  }

  /**
   * Calls a tool.
   *
   * @throws {LoginRequiredError} if the server requires a login.
   * @throws if the call is cancelled, takes too long or is refused, or the connection is lost.
   */
  async callTool(call: McpCall): Promise<McpCallResult> {
    const params = { name: call.name, arguments: call.arguments };
    // Progress extends the SDK's time-out; the executor's still applies.
    const progress = { resetTimeoutOnProgress: true, onprogress: () => {} };
    const { signal, timeoutMs: timeout } = call;
    return readCallResult(
      await this.#request("tools/call", params, { signal, timeout, ...progress }),
    );
  }

  /** Pings the server. @throws if it does not answer in time. */
  async ping(timeoutMs: number): Promise<void> {
    await this.#request("ping", undefined, { timeout: timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.onclose = undefined;
    await this.#client.close().catch(() => {});
  }

  async #request(method: string, params: object | undefined, options: object): Promise<unknown> {
    try {
      return await this.#client.request({ method, params }, anyResult, options);
    } catch (error) {
      throw this.#oauth?.loginRequired ?? withReason(error, this.#transport);
    }
  }
}

/** How a connection over HTTP was lost: the server has forgotten the session, or is unreachable. */
export type McpLoss = "session" | "unreachable";

/** Classifies the error of a request; undefined if the connection is not lost. */
export function lossOf(error: unknown): McpLoss | undefined {
  if (error instanceof TypeError) return "unreachable";
  const message = errorText(error);
  const status = httpStatusOf(error);
  if (status === 404 || status === 400 && /session/i.test(message)) return "session";
  return message.startsWith("SSE error: ") ? "unreachable" : undefined;
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
function withReason(error: unknown, transport: Transport): unknown {
  const reason = closeReasonOf(transport);
  return reason === undefined ? error : new Error(reason);
}

async function transportsOf(options: McpConnectionOptions): Promise<Transports> {
  const { name, config, environment, maxMessageBytes, logins } = options;
  if (config.command !== undefined) {
    const transport = stdioTransport(config.command, options);
    return { candidates: [() => transport] };
  }
  const endpoint = httpEndpoint(config, environment);
  // A configured Authorization header takes precedence over a login.
  const oauth = new Headers(endpoint.headers).has("authorization")
    ? undefined
    : new OAuthSession({ server: name, url: endpoint.url, store: logins });
  const candidates = await httpTransports({
    ...endpoint,
    type: config.type,
    maxBytes: maxMessageBytes,
    authorize: (fetch) => oauth?.authorize(fetch) ?? fetch,
  });
  return { candidates, oauth };
}

function stdioTransport(
  command: string,
  { config, environment, childEnvironment, maxMessageBytes, onLog }: McpConnectionOptions,
): Transport {
  const expand = (text: string) => expandVariables(text, environment);
  const env = Object.fromEntries(
    Object.entries(config.env).map(([name, value]) => [name, expand(value)]),
  );
  return new GuardedStdioTransport({
    command: expand(command),
    args: config.args.map(expand),
    env: { ...childEnvironment, ...env },
    cwd: config.cwd === undefined ? undefined : expand(config.cwd),
    maxMessageBytes,
    onLog,
  });
}
