/** A scripted server that behaves as one provider does, and is as strict. */

import { HttpExchange } from "../../http_exchange.ts";
import type { ChatRequest } from "../chat_request.ts";
import { sendJson } from "../answer.ts";
import type { ModelAnswer, ProviderProfile, Refusal } from "./profile.ts";
import { streamOf } from "./stream.ts";
import { refusalOf } from "./strict.ts";

/** A request, and how it was refused. */
export interface ProviderRequest {
  readonly body: ChatRequest;
  readonly refusal?: Refusal;
}

export class ProviderServer implements AsyncDisposable {
  readonly requests: ProviderRequest[] = [];
  readonly #profile: ProviderProfile;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #accepting: Promise<void>;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #script: (ModelAnswer | Refusal)[] = [];
  /** The answers of the current turn. */
  #answers: ModelAnswer[] = [];
  #hanging?: PromiseWithResolvers<void>;

  constructor(profile: ProviderProfile) {
    this.#profile = profile;
    this.#accepting = this.#accept();
  }

  /** The base URL that an operator would configure. */
  get url(): string {
    const { path, query = "" } = this.#profile;
    return `http://127.0.0.1:${this.#listener.addr.port}${path}${query}`;
  }

  /** Starts a turn: these answers and errors come next, in this order. */
  next(...script: readonly (ModelAnswer | Refusal)[]): void {
    this.#script.splice(0, this.#script.length, ...script);
    this.#answers = [];
  }

  /** Goes on with the turn: these answers come next. */
  resume(...script: readonly ModelAnswer[]): void {
    this.#script.push(...script);
  }

  /** Leaves the next request that has no scripted answer open; resolves when it has arrived. */
  hang(): Promise<void> {
    this.#hanging = Promise.withResolvers();
    return this.#hanging.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      this.#serve(connection).catch(() => {}).finally(() => {
        close(connection);
        this.#connections.delete(connection);
      });
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const exchange = await HttpExchange.read(connection);
    if (!exchange) return;
    const body: ChatRequest = JSON.parse(exchange.body);
    const refusal = this.#refusal(exchange, body);
    this.requests.push({ body, refusal });
    if (refusal) return await sendJson(exchange, refusal);
    const answer = this.#script.shift();
    if (!answer) {
      this.#hanging?.resolve();
      return await new Promise((resolve) =>
        exchange.clientLeft.addEventListener("abort", () => resolve())
      );
    }
    if ("status" in answer) return await sendError(exchange, answer);
    const answerIndex = this.#answers.length;
    this.#answers.push(answer);
    exchange.start(200, { "content-type": "text/event-stream" });
    for (const piece of streamOf(this.#profile, { answer, answerIndex, request: body })) {
      exchange.write(piece);
    }
    await exchange.end();
  }

  #refusal({ path, headers }: HttpExchange, body: ChatRequest): Refusal | undefined {
    const { path: base, query = "", headers: required } = this.#profile;
    if (path !== `${base}/chat/completions${query}`) {
      return { status: 404, body: `404 page not found: ${path}` };
    }
    const missing = Object.entries(required).find(([name, value]) => headers.get(name) !== value);
    if (missing) return { status: 401, body: { error: { message: `wrong ${missing[0]}` } } };
    return refusalOf(this.#profile, { body, answers: this.#answers });
  }
}

/** Sends an error; with status 200 as the first event of a stream. */
async function sendError(exchange: HttpExchange, { status, body }: Refusal): Promise<void> {
  if (status !== 200) return await sendJson(exchange, { status, body });
  exchange.start(200, { "content-type": "text/event-stream" });
  exchange.write(`event: error\ndata: {"error":${body}}\n\n`);
  await exchange.end();
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch { /* its answer has ended it */ }
}
