/**
 * A scripted LLM provider: a real HTTP server for OpenAI chat completions. Tests point
 * `OPENAI_BASE_URL` at it.
 */

import { type ChatRequest, lastParagraph } from "./chat_request.ts";
import { HttpExchange } from "../http_exchange.ts";
import { sendAnswer, sendJson } from "./answer.ts";
import { type Reply, replyFrom, type ReplySource, type Script } from "./reply.ts";
import { type Completion, errorBody } from "./wire.ts";
import { AwaitableList } from "../awaitable_list.ts";

/** A request, and what became of it. */
export interface RecordedRequest {
  readonly body: ChatRequest;
  readonly headers: Headers;
  /** `performance.now()` on arrival. */
  readonly startedAt: number;
  /** Resolves if the client leaves before the end of the answer. */
  readonly closedByClient: Promise<void>;
  /** Resolves when the answer was sent to its scripted end. */
  readonly finished: Promise<void>;
}

interface Rule {
  readonly applies: (request: ChatRequest) => boolean;
  readonly source: ReplySource;
}

/** The default script echoes what the user said last. */
const echo: Script = (request) => ({ text: lastParagraph(request) });

/**
 * The server. A request is answered by the first matching rule, else the queue, else the script.
 */
export class LlmServer implements AsyncDisposable {
  /** The base URL for an OpenAI client, ending in /v1. */
  readonly url: string;
  readonly #listener: Deno.TcpListener;
  readonly #recorded = new AwaitableList<RecordedRequest>(({ body }) => JSON.stringify(body));
  readonly #rules: Rule[] = [];
  readonly #queue: ReplySource[] = [];
  readonly #script: Script;
  readonly #accepting: Promise<void>;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #answering = new Set<Promise<void>>();
  #active = 0;
  #peak = 0;
  #handedOut = 0;

  /** Starts a server on a free loopback port. */
  static start(options: { readonly script?: Script } = {}): LlmServer {
    return new LlmServer(options.script ?? echo);
  }

  private constructor(script: Script) {
    this.#script = script;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.url = `http://127.0.0.1:${this.#listener.addr.port}/v1`;
    this.#accepting = this.#accept();
  }

  /** Queues replies; each answers one request, in order. */
  reply(...sources: ReplySource[]): this {
    this.#queue.push(...sources);
    return this;
  }

  /** Answers every request that `applies` accepts with `source` from now on. */
  when(applies: (request: ChatRequest) => boolean, source: ReplySource): this {
    this.#rules.push({ applies, source });
    return this;
  }

  /** All requests so far, in order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#recorded.items;
  }

  /** How many requests are being answered. */
  get active(): number {
    return this.#active;
  }

  /** The most requests answered at once so far. */
  get peak(): number {
    return this.#peak;
  }

  /** Resolves to the request with this index (from 0). */
  request(index: number, options: { readonly timeoutMs?: number } = {}): Promise<RecordedRequest> {
    const what = `request ${index} to the LLM server`;
    return this.#recorded.waitFor((_, at) => at === index, { ...options, what });
  }

  /** Resolves to the first request that `applies` accepts, past or future. */
  waitForRequest(applies: (request: ChatRequest) => boolean): Promise<RecordedRequest> {
    return this.#recorded.waitFor(({ body }) => applies(body), { what: "a request of this kind" });
  }

  /** Resolves to the next request not returned by this method yet. */
  nextRequest(options: { readonly timeoutMs?: number } = {}): Promise<RecordedRequest> {
    return this.request(this.#handedOut++, options);
  }

  /** Breaks off all answers and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#recorded.end("the LLM server has stopped");
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) close(connection);
    await Promise.all(this.#answering);
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      const answering = this.#serve(connection).finally(() => {
        close(connection);
        this.#connections.delete(connection);
        this.#answering.delete(answering);
      });
      this.#answering.add(answering);
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const exchange = await HttpExchange.read(connection);
    // The client was killed while sending its request.
    if (!exchange) return connection.close();
    if (exchange.method !== "POST" || exchange.path !== "/v1/chat/completions") {
      return await sendJson(exchange, { status: 404, body: errorBody(404) });
    }
    const body: ChatRequest = JSON.parse(exchange.body);
    const completion = { request: body, index: this.requests.length };
    const reply = this.#choose(completion);
    const finished = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    this.#peak = Math.max(this.#peak, ++this.#active);
    this.#recorded.add({
      body,
      headers: exchange.headers,
      startedAt: performance.now(),
      closedByClient: closed.promise,
      finished: finished.promise,
    });
    try {
      await sendAnswer(reply, { completion, exchange });
      this.#active--;
      finished.resolve();
    } catch (error) {
      this.#active--;
      if (!exchange.clientLeft.aborted) throw error;
      closed.resolve();
    }
  }

  #choose({ request, index }: Completion): Reply {
    const rule = this.#rules.find(({ applies }) => applies(request));
    const source = rule?.source ?? this.#queue.shift() ?? this.#script;
    return replyFrom(source, request, index);
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch { /* its answer has ended it */ }
}
