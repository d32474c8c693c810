/**
 * A fake mem0: an HTTP server with the hosted API (version 3) or that of the self-hosted server, as
 * documented. It stores one memory per exchange. Tests point `MEM0_BASE_URL` at it.
 */

import { HttpExchange } from "./http_exchange.ts";
import { sendJson } from "./llm/answer.ts";
import { forever, unlessAborted } from "./llm/stream.ts";
import { AwaitableList } from "./awaitable_list.ts";

/** A stored memory. */
export interface StoredMemory {
  readonly id: string;
  readonly memory: string;
  readonly user_id?: string;
  readonly agent_id?: string;
  readonly app_id?: string;
  readonly run_id?: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly created_at: string;
}

/** A request as received. */
export interface Mem0Request {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Headers;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** How matching requests fail. */
export interface Mem0Fault {
  readonly applies: (request: Mem0Request) => boolean;
  readonly status?: number;
  /** A string is sent as is, anything else as JSON. */
  readonly body?: unknown;
  /** Whether it hangs until the client leaves. */
  readonly hangs?: boolean;
  /** Whether it performs the request before it fails or hangs. Default: false. */
  readonly performs?: boolean;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const key = "mem0-key";

export class Mem0Server implements AsyncDisposable {
  readonly url: string;
  /** The API key it expects. */
  readonly key = key;
  readonly requests = new AwaitableList<Mem0Request>(({ method, path }) => `${method} ${path}`);
  readonly memories: StoredMemory[] = [];
  readonly #hosted: boolean;
  readonly #listener: Deno.TcpListener;
  readonly #accepting: Promise<void>;
  readonly #connections = new Map<Deno.TcpConn, Promise<void>>();
  readonly #faults: Mem0Fault[] = [];
  #ids = 0;

  static start(api: "hosted" | "self-hosted"): Mem0Server {
    return new Mem0Server(api === "hosted");
  }

  private constructor(hosted: boolean) {
    this.#hosted = hosted;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.url = `http://127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#accept();
  }

  /** Applies a fault to requests from now on, until `recover`. */
  fail(fault: Mem0Fault): this {
    this.#faults.push(fault);
    return this;
  }

  /** Removes all faults. */
  recover(): void {
    this.#faults.length = 0;
  }

  /** Stores a memory as if it had been added before. */
  addMemory(memory: string, fields: Partial<StoredMemory>): void {
    const id = `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, "0")}`;
    const created_at = new Date(1_700_000_000_000 + this.#ids * 1000).toISOString();
    this.memories.push({ id, memory, metadata: {}, created_at, ...fields });
  }

  /** The requests that add a memory. */
  get adds(): readonly Mem0Request[] {
    return this.requests.items.filter(isAdd);
  }

  /** Resolves to the first matching request, past or future. */
  request(predicate: (request: Mem0Request) => boolean): Promise<Mem0Request> {
    return this.requests.waitFor(predicate, { what: "a request to mem0" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.requests.end("mem0 has stopped");
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections.keys()) {
      try {
        connection.close();
      } catch { /* its answer has just ended */ }
    }
    await Promise.all(this.#connections.values());
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      const serving = this.#serve(connection).finally(() => this.#connections.delete(connection));
      this.#connections.set(connection, serving);
    }
  }

  async #serve(connection: Deno.TcpConn): Promise<void> {
    const exchange = await HttpExchange.read(connection);
    if (!exchange) return;
    const url = new URL(exchange.path, this.url);
    const request: Mem0Request = {
      method: exchange.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: exchange.headers,
      body: exchange.body === "" ? undefined : JSON.parse(exchange.body),
    };
    this.requests.add(request);
    try {
      await sendJson(exchange, await this.#faulty(request, exchange.clientLeft));
    } catch (error) {
      if (!exchange.clientLeft.aborted) throw error;
    }
  }

  async #faulty(request: Mem0Request, left: AbortSignal): Promise<Answer> {
    const fault = this.#faults.find(({ applies }) => applies(request));
    if (!fault) return this.#answer(request);
    const { hangs, performs, status, body = { detail: "out of order" } } = fault;
    const done = performs ? this.#answer(request) : undefined;
    if (hangs) await unlessAborted(forever, left);
    return status === undefined ? done ?? this.#answer(request) : { status, body };
  }

  #answer(request: Mem0Request): Answer {
    const shown = this.#hosted
      ? request.headers.get("authorization") === `Token ${key}`
      : request.headers.get("x-api-key") === key;
    if (!shown) return { status: 401, body: { detail: "Authentication required." } };
    return this.#hosted ? this.#hostedAnswer(request) : this.#ownAnswer(request);
  }

  #hostedAnswer({ method, path, query, body = {} }: Mem0Request): Answer {
    switch (`${method} ${path}`) {
      case "POST /v3/memories/add/":
        this.#add(body);
        return ok({
          message: "Memory processing has been queued for background execution",
          status: "PENDING",
          event_id: crypto.randomUUID(),
        });
      case "POST /v3/memories/search/": {
        if (["user_id", "agent_id", "app_id", "run_id"].some((name) => name in body)) {
          return { status: 400, body: { error: "Pass entity ids in filters" } };
        }
        const found = this.#hostedMatches(body.filters);
        const results = found.map((memory) => ({ ...memory, score: 0.5 }));
        return ok({ results: results.slice(0, Number(body.top_k ?? 10)) });
      }
      case "POST /v3/memories/": {
        const found = this.#hostedMatches(body.filters);
        const [page, size] = [Number(query.page), Number(query.page_size)];
        const results = found.slice((page - 1) * size, page * size);
        return ok({ count: found.length, next: null, previous: null, results });
      }
    }
    const id = /^\/v1\/memories\/([^/]+)\/$/.exec(path)?.[1];
    return method === "DELETE" && id ? this.#remove(id) : notFound();
  }

  #ownAnswer({ method, path, query, body = {} }: Mem0Request): Answer {
    switch (`${method} ${path}`) {
      case "POST /memories":
        this.#add(body);
        return ok({ results: [{ id: this.memories.at(-1)!.id, event: "ADD" }] });
      case "POST /search": {
        const filters = { ...body.filters as Readonly<Record<string, unknown>> };
        for (const name of ["user_id", "agent_id", "run_id"]) {
          if (body[name] !== undefined) filters[name] = body[name];
        }
        const found = this.memories.filter((memory) => equal(memory, filters));
        const results = found.map((memory) => ({ ...memory, score: 0.5 }));
        return ok({ results: results.slice(0, Number(body.top_k ?? 100)) });
      }
      case "GET /memories": {
        const { top_k = "100", ...filters } = query;
        if (Number(top_k) > 1000) return { status: 422, body: { detail: "top_k" } };
        const found = this.memories.filter((memory) => equal(memory, filters));
        return ok({ results: found.slice(0, Number(top_k)) });
      }
    }
    const id = /^\/memories\/([^/]+)$/.exec(path)?.[1];
    return method === "DELETE" && id ? this.#remove(id) : notFound();
  }

  #add(body: Readonly<Record<string, unknown>>): void {
    const { messages, metadata = {}, ...ids } = body;
    const [said] = messages as readonly { readonly content: string }[];
    this.addMemory(said!.content, {
      ...ids,
      metadata: metadata as Readonly<Record<string, unknown>>,
    });
  }

  /** Ids not in the filter must be absent; `*` matches any that is present. */
  #hostedMatches(filters: unknown): readonly StoredMemory[] {
    const { AND } = filters as { readonly AND: readonly Readonly<Record<string, unknown>>[] };
    const wanted = Object.assign({}, ...AND) as Readonly<Record<string, unknown>>;
    return this.memories.filter((memory) =>
      (["user_id", "agent_id", "app_id", "run_id"] as const).every((name) => {
        const want = wanted[name];
        const has = memory[name];
        if (want === undefined) return has === undefined;
        if (want === "*") return has !== undefined;
        if (typeof want === "string") return has === want;
        return has !== undefined && (want as { readonly in: readonly string[] }).in.includes(has);
      })
    );
  }

  #remove(id: string): Answer {
    const index = this.memories.findIndex((memory) => memory.id === id);
    if (index < 0) return notFound();
    this.memories.splice(index, 1);
    return ok({ message: "Memory deleted successfully!" });
  }
}

/** Whether a request adds a memory, in either API. */
export function isAdd({ method, path }: Mem0Request): boolean {
  return method === "POST" && (path === "/v3/memories/add/" || path === "/memories");
}

/** Whether a request searches, in either API. */
export function isSearch({ path }: Mem0Request): boolean {
  return path === "/v3/memories/search/" || path === "/search";
}

function equal(memory: StoredMemory, filters: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(filters).every(([name, value]) =>
    memory[name as keyof StoredMemory] === value
  );
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function notFound(): Answer {
  return { status: 404, body: { detail: "Not found." } };
}
