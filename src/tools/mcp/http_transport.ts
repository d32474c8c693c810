/**
 * The transports for MCP servers over HTTP: the SDK's, with a fetch that adds authorization, limits the
 * size of responses, and repairs what servers get wrong.
 */

import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { createParser } from "eventsource-parser";
import { errorText } from "../../lib/error_text.ts";
import { expandVariables } from "../../lib/variables.ts";
import { hideFromLog } from "../../logging/log.ts";
import { secretsOfHeaders, secretsOfQuery, secretsOfUrl } from "../../logging/redaction.ts";
import type { McpServerConfig } from "./config_file.ts";
import { errorAnswer, isAnswerTo, isObject, repairMessage, type RequestId } from "./json_rpc.ts";

/** The part of `fetch` that the SDK uses. */
export type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

/** Where a server is reached. */
export interface HttpEndpoint {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Options of {@linkcode httpTransports}. */
export interface HttpTransportOptions extends HttpEndpoint {
  readonly type: McpServerConfig["type"];
  readonly maxBytes: number;
  /** Wraps `fetch` to authorize requests. */
  readonly authorize: (fetch: Fetch) => Fetch;
}

type BodyBytes = Uint8Array<ArrayBuffer>;

/** Expands the variables of an entry and hides its secrets from the log. @throws {ConfigError} */
export function httpEndpoint(
  config: Pick<McpServerConfig, "url" | "headers">,
  environment: (name: string) => string | undefined,
): HttpEndpoint {
  const expand = (text: string) => expandVariables(text, environment);
  const url = new URL(expand(config.url!));
  const headers = Object.fromEntries(
    Object.entries(config.headers).map(([name, value]) => [name, expand(value)]),
  );
  const { href } = url;
  hideFromLog([...secretsOfUrl(href), ...secretsOfQuery(href), ...secretsOfHeaders(headers)]);
  return { url, headers };
}

/** The transports to try, in order: streamable HTTP, then SSE, unless `type` names one. */
export async function httpTransports(
  { url, headers, type, maxBytes, authorize }: HttpTransportOptions,
): Promise<readonly (() => Transport)[]> {
  const [{ StreamableHTTPClientTransport }, { SSEClientTransport }] = await Promise.all([
    import("@modelcontextprotocol/sdk/client/streamableHttp.js"),
    import("@modelcontextprotocol/sdk/client/sse.js"),
  ]);
  const requestInit = { headers };
  const fetch = authorize(cappedFetch(maxBytes));
  const streamable = () =>
    new StreamableHTTPClientTransport(url, { requestInit, fetch: streamableFetch(fetch) });
  const sse = () => new SSEClientTransport(url, { requestInit, fetch: sseFetch(fetch) });
  if (type === "sse") return [sse];
  return type === undefined ? [streamable, sse] : [streamable];
}

/** The HTTP status that a transport failed with; undefined if it is no HTTP error. */
export function httpStatusOf(error: unknown): number | undefined {
  const { code, message = "" } = error as { readonly code?: unknown; readonly message?: string };
  // Recognized by text, since class names change in the compiled program.
  const posted = /^Error POSTing to endpoint \(HTTP (\d+)\)/.exec(message);
  if (posted) return Number(posted[1]);
  if (!/^(?:Streamable HTTP|SSE) error: /.test(message)) return undefined;
  return typeof code === "number" && code >= 100 ? code : undefined;
}

/**
 * Whether the specification allows trying SSE after this failure: only if the server answered
 * `initialize` as one does that has no such endpoint.
 */
export function allowsSseFallback(error: unknown): boolean {
  return [400, 404, 405].includes(httpStatusOf(error) ?? 0);
}

/** An error of a request in words: the status, and the message of the response. */
export function transportErrorText(error: unknown): string {
  const text = errorText(error);
  const status = httpStatusOf(error);
  if (status === undefined) {
    const { data } = error as { readonly data?: unknown };
    const details = typeof data === "string" ? data : JSON.stringify(data) ?? "";
    return details ? `${text}; ${details.slice(0, 500)}` : text;
  }
  const body = text.replace(/^(?:Streamable HTTP|SSE) error: /, "")
    .replace(/^Error POSTing to endpoint(?: \(HTTP \d+\))?: /, "");
  const message = messageOf(body).slice(0, 500);
  return message ? `HTTP ${status}: ${message}` : `HTTP ${status}`;
}

/** The message of a response body, which is JSON of some form or text. */
function messageOf(body: string): string {
  try {
    const json: unknown = JSON.parse(body);
    const error = isObject(json) ? json.error ?? json : json;
    const found = isObject(error)
      ? [error.message, error.error_description, error.detail, error.title]
      : [error];
    const text = found.find((value) => typeof value === "string");
    if (text) return String(text);
  } catch {
    // Not JSON.
  }
  return body.trim();
}

/**
 * Creates a fetch that limits responses to POST to `maxBytes`, and each event of a stream opened by
 * GET, which may stay open indefinitely.
 */
export function cappedFetch(maxBytes: number): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.body) return response;
    const perEvent = (init?.method ?? "GET") === "GET";
    return withBody(response, response.body.pipeThrough(capped(maxBytes, { perEvent })));
  };
}

function capped(
  maxBytes: number,
  { perEvent }: { readonly perEvent: boolean },
): TransformStream<BodyBytes, BodyBytes> {
  let size = 0;
  let tail: Uint8Array = new Uint8Array();
  return new TransformStream({
    transform(bytes, controller) {
      size += bytes.length;
      if (perEvent) {
        const end = endOfLastEvent(bytes, tail);
        if (end >= 0) size = bytes.length - end;
        tail = bytes.slice(-3);
      }
      if (size > maxBytes) {
        controller.error(new Error(`the server's response exceeds ${maxBytes} bytes`));
      } else controller.enqueue(bytes);
    },
  });
}

/** The end of the last event (an empty line) in a chunk; -1 if no event ends in it. */
function endOfLastEvent(bytes: Uint8Array, tail: Uint8Array): number {
  const decoder = new TextDecoder("latin1");
  const text = decoder.decode(tail) + decoder.decode(bytes);
  const ends = ["\n\n", "\r\n\r\n"].map((mark) => {
    const at = text.lastIndexOf(mark);
    return at < 0 ? -1 : at + mark.length;
  });
  const end = Math.max(...ends);
  return end < 0 ? -1 : Math.max(end - tail.length, 0);
}

/** The fetch of the streamable HTTP transport. */
function streamableFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    // The stream opened by GET is optional, and the SDK knows only 405 for "there is none".
    if (init?.method === "GET" && response.status >= 400 && response.status < 500) {
      await response.body?.cancel();
      return new Response(null, { status: 405 });
    }
    if (!response.ok || !response.body) return response;
    const requestId = requestIdOf(init);
    if (mediaTypeOf(response) === "text/event-stream") {
      return withBody(response, repairEvents(response.body, requestId));
    }
    return requestId === undefined || response.status === 202
      ? response
      : await repairBody(response, requestId);
  };
}

/** The fetch of the SSE transport, where only GET returns messages. */
function sseFetch(fetch: Fetch): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (!response.ok && (init?.method ?? "GET") === "GET") {
      // The SDK reads only the status, and an unread body would keep the connection.
      await response.body?.cancel();
      const { status, statusText, headers } = response;
      return new Response(null, { status, statusText, headers });
    }
    if (!response.body || mediaTypeOf(response) !== "text/event-stream") return response;
    return withBody(response, repairEvents(response.body, undefined));
  };
}

/** Reads a whole response; whatever it is, the result is JSON with an answer. */
async function repairBody(response: Response, requestId: RequestId): Promise<Response> {
  const text = await response.text();
  if (/^(?:event|data|id|retry)?:/.test(text)) {
    const events = repairEvents(new Blob([text]).stream(), requestId);
    return withBody(response, events, "text/event-stream");
  }
  const type = mediaTypeOf(response) || "no content type";
  return withBody(response, JSON.stringify(repairJson(text, { requestId, type })));
}

function repairJson(
  text: string,
  { requestId, type }: { readonly requestId: RequestId; readonly type: string },
): unknown {
  try {
    const json: unknown = JSON.parse(text);
    return Array.isArray(json)
      ? json.map((message) => repairMessage(message))
      : repairMessage(json, requestId);
  } catch {
    const start = text.trim().slice(0, 200);
    return errorAnswer(
      requestId,
      start
        ? `the server's response is not JSON (${type}): ${start}`
        : "the server's response is empty",
    );
  }
}

/** Repairs the messages of a stream. If it ends without the answer, adds an error as the answer. */
function repairEvents(
  body: ReadableStream<Uint8Array>,
  requestId: RequestId | undefined,
): ReadableStream<BodyBytes> {
  const encoder = new TextEncoder();
  const generate = async function* () {
    let [answered, resumable] = [requestId === undefined, false];
    let problem = "it ended without an answer";
    const events: string[] = [];
    const parser = createParser({
      onEvent: ({ id, event, data }) => {
        if (id) resumable = true;
        const repaired = event && event !== "message" ? data : repairData(data, requestId);
        if (requestId !== undefined) answered ||= answers(repaired, requestId);
        events.push(toEvent({ id, event, data: repaired }));
      },
      onRetry: (ms) => events.push(`retry: ${ms}\n\n`),
    });
    const decoder = new TextDecoder();
    try {
      for await (const bytes of body) {
        parser.feed(decoder.decode(bytes, { stream: true }));
        for (const event of events.splice(0)) yield encoder.encode(event);
      }
    } catch (error) {
      if (answered || resumable) throw error;
      problem = errorText(error);
    }
    // The SDK resumes a stream that has ids.
    if (answered || resumable) return;
    const text = `the server's stream failed: ${problem}; the request may have been executed`;
    const data = JSON.stringify(errorAnswer(requestId!, text));
    yield encoder.encode(toEvent({ data }));
  };
  return ReadableStream.from(generate()) as ReadableStream<BodyBytes>;
}

function repairData(data: string, requestId: RequestId | undefined): string {
  try {
    const json: unknown = JSON.parse(data);
    return JSON.stringify(
      Array.isArray(json)
        ? json.map((message) => repairMessage(message))
        : repairMessage(json, requestId),
    );
  } catch {
    return data;
  }
}

function answers(data: string, requestId: RequestId): boolean {
  try {
    return [JSON.parse(data)].flat().some((message) => isAnswerTo(message, requestId));
  } catch {
    return false;
  }
}

function toEvent(
  { id, event, data }: { readonly id?: string; readonly event?: string; readonly data: string },
): string {
  const lines = data.split("\n").map((line) => `data: ${line}`);
  return [...id ? [`id: ${id}`] : [], ...event ? [`event: ${event}`] : [], ...lines, "", ""]
    .join("\n");
}

/** The id of the single request that a POST contains. */
function requestIdOf(init: RequestInit | undefined): RequestId | undefined {
  if (typeof init?.body !== "string") return undefined;
  const message: unknown = JSON.parse(init.body);
  return isObject(message) && "method" in message ? message.id as RequestId | undefined : undefined;
}

function mediaTypeOf(response: Response): string {
  return (response.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
}

/** The response with another body, of the given type. */
function withBody(response: Response, body: BodyInit, type?: string): Response {
  const { status, statusText } = response;
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  headers.delete("content-encoding");
  if (type ?? typeof body === "string") headers.set("content-type", type ?? "application/json");
  return new Response(body, { status, statusText, headers });
}
