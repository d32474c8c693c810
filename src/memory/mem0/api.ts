/**
 * Clients of mem0's two APIs: the hosted one (https://docs.mem0.ai/api-reference, version 3, deleting
 * with version 1) and the self-hosted server's (all versions of `server/main.py` in mem0's repository).
 */

import * as z from "zod";
import type { Mem0Config } from "../../config/gateway_config.ts";
import { cappedText } from "../../lib/bytes.ts";
import { Deadline } from "../../lib/deadline.ts";
import { errorText } from "../../lib/error_text.ts";
import { MemoryError } from "../port.ts";

/** Whose memories to use. */
export interface Mem0Target {
  readonly userId: string;
  /** The scopes that may be seen; undefined means all. */
  readonly scopes?: readonly string[];
}

/** A memory as mem0 returns it. */
export type Mem0Memory = z.output<typeof memorySchema>;

/** Messages to learn from. */
export interface Mem0Messages {
  readonly userId: string;
  readonly scope: string;
  readonly messages: readonly { readonly role: "user" | "assistant"; readonly content: string }[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** What both APIs offer. All methods throw {@linkcode MemoryError} on failure. */
export interface Mem0Api {
  add(messages: Mem0Messages, signal: AbortSignal): Promise<void>;
  search(
    target: Mem0Target,
    options: { readonly query: string; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<readonly Mem0Memory[]>;
  list(
    target: Mem0Target,
    options: { readonly limit: number; readonly signal?: AbortSignal },
  ): Promise<readonly Mem0Memory[]>;
  /** Deletes a memory; returns false if there is none with this id. */
  remove(id: string): Promise<boolean>;
}

const memorySchema = z.object({
  id: z.string(),
  memory: z.string(),
  user_id: z.string().nullish(),
  run_id: z.string().nullish(),
  score: z.number().nullish(),
  created_at: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

const listSchema = z.union([
  z.array(z.unknown()),
  z.object({ results: z.array(z.unknown()) }).transform(({ results }) => results),
]);

/** Largest page of the hosted API. */
const pageSize = 100;
/** Most memories that the self-hosted server lists. */
const maxListed = 1000;
/** Characters of an error response that are logged. */
const maxErrorChars = 200;
const hostedUrl = "https://api.mem0.ai";

/** Returns a client of the API that the settings name. */
export function mem0Api(
  { apiKey, baseUrl = hostedUrl, api, agentId, timeoutMs }: Mem0Config,
): Mem0Api {
  const hosted = api === "hosted" ||
    (api === "auto" && /(?:^|\.)mem0\.ai$/.test(new URL(baseUrl).hostname));
  const headers: Record<string, string> = {};
  if (apiKey && hosted) headers.authorization = `Token ${apiKey}`;
  else if (apiKey) headers["x-api-key"] = apiKey;
  const http = new Mem0Http({ baseUrl, headers, timeoutMs });
  return hosted ? new HostedMem0(http, agentId) : new SelfHostedMem0(http, agentId);
}

/**
 * The hosted API. The agent is sent as `app_id`, because (says its reference) a search by user and
 * `agent_id` finds nothing.
 */
class HostedMem0 implements Mem0Api {
  readonly #http: Mem0Http;
  readonly #agentId?: string;

  constructor(http: Mem0Http, agentId: string | undefined) {
    this.#http = http;
    this.#agentId = agentId;
  }

  async add(
    { userId, scope, messages, metadata }: Mem0Messages,
    signal: AbortSignal,
  ): Promise<void> {
    const ids = { user_id: userId, run_id: scope, ...this.#app() };
    const body = { messages, ...ids, metadata };
    found("add to", await this.#post("add to", "/v3/memories/add/", { body, signal }));
  }

  async search(
    target: Mem0Target,
    { query, limit, signal }: Parameters<Mem0Api["search"]>[1],
  ): Promise<readonly Mem0Memory[]> {
    const body = { query, filters: this.#filters(target), top_k: limit };
    const answer = await this.#post("search", "/v3/memories/search/", { body, signal });
    return toMemories("search", answer);
  }

  async list(
    target: Mem0Target,
    { limit, signal }: Parameters<Mem0Api["list"]>[1],
  ): Promise<readonly Mem0Memory[]> {
    const memories: Mem0Memory[] = [];
    for (let page = 1; memories.length < limit; page++) {
      const path = `/v3/memories/?page=${page}&page_size=${pageSize}`;
      const body = { filters: this.#filters(target) };
      const next = toMemories("list", await this.#post("list", path, { body, signal }));
      memories.push(...next);
      if (next.length < pageSize) break;
    }
    return memories.slice(0, limit);
  }

  async remove(id: string): Promise<boolean> {
    const path = `/v1/memories/${encodeURIComponent(id)}/`;
    return await this.#http.send({ what: "delete from", method: "DELETE", path }) !== undefined;
  }

  #post(
    what: string,
    path: string,
    { body, signal }: { readonly body: unknown; readonly signal?: AbortSignal },
  ): Promise<unknown> {
    return this.#http.send({ what, method: "POST", path, body, signal });
  }

  /** mem0 only finds memories whose ids are all named: one that is left out would have to be null. */
  #filters({ userId, scopes }: Mem0Target) {
    const run = scopes === undefined ? "*" : scopes.length === 1 ? scopes[0] : { in: scopes };
    const ids = [{ user_id: userId }, { run_id: run }];
    return { AND: this.#agentId === undefined ? ids : [...ids, this.#app()] };
  }

  #app() {
    return this.#agentId === undefined ? {} : { app_id: this.#agentId };
  }
}

/**
 * The self-hosted server. Its first versions read ids beside the filters, the newest in them, so they
 * are sent as both. All of its vector stores support filters for equal values.
 */
class SelfHostedMem0 implements Mem0Api {
  readonly #http: Mem0Http;
  readonly #agentId?: string;

  constructor(http: Mem0Http, agentId: string | undefined) {
    this.#http = http;
    this.#agentId = agentId;
  }

  async add(
    { userId, scope, messages, metadata }: Mem0Messages,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { messages, ...this.#ids(userId, scope), metadata };
    const request = { what: "add to", method: "POST", path: "/memories", body, signal } as const;
    found("add to", await this.#http.send(request));
  }

  async search(
    { userId, scopes }: Mem0Target,
    { query, limit, signal }: Parameters<Mem0Api["search"]>[1],
  ): Promise<readonly Mem0Memory[]> {
    const answers = await Promise.all((scopes ?? [undefined]).map((scope) => {
      const ids = this.#ids(userId, scope);
      const body = { query, ...ids, filters: ids, top_k: limit };
      return this.#http.send({ what: "search", method: "POST", path: "/search", body, signal });
    }));
    return answers.flatMap((answer) => toMemories("search", answer))
      .sort((a, b) => (b.score ?? 0) - (a.score ?? 0))
      .slice(0, limit);
  }

  async list(
    { userId, scopes }: Mem0Target,
    { limit, signal }: Parameters<Mem0Api["list"]>[1],
  ): Promise<readonly Mem0Memory[]> {
    const answers = await Promise.all((scopes ?? [undefined]).map((scope) => {
      const query = { ...this.#ids(userId, scope), top_k: String(Math.min(limit, maxListed)) };
      return this.#http.send({ what: "list", method: "GET", path: "/memories", query, signal });
    }));
    return answers.flatMap((answer) => toMemories("list", answer)).slice(0, limit);
  }

  async remove(id: string): Promise<boolean> {
    const path = `/memories/${encodeURIComponent(id)}`;
    return await this.#http.send({ what: "delete from", method: "DELETE", path }) !== undefined;
  }

  #ids(userId: string, scope: string | undefined) {
    return {
      user_id: userId,
      ...(scope !== undefined && { run_id: scope }),
      ...(this.#agentId !== undefined && { agent_id: this.#agentId }),
    };
  }
}

/** Rejects a 404: unless the request is about one memory, there is no mem0 at this address. */
function found(what: string, answer: unknown): unknown {
  if (answer !== undefined) return answer;
  throw new MemoryError(
    `Cannot ${what} mem0: it returned status 404; check MEM0_BASE_URL and MEM0_API`,
    { transient: true },
  );
}

function toMemories(what: string, answer: unknown): readonly Mem0Memory[] {
  const list = listSchema.safeParse(found(what, answer));
  if (!list.success) {
    throw new MemoryError(`Cannot ${what} mem0: the response is not a list of memories`, {
      transient: true,
    });
  }
  return list.data.map((entry) => memorySchema.safeParse(entry))
    .filter((entry) => entry.success).map(({ data }) => data!);
}

/** Options of {@linkcode Mem0Http}. */
interface Mem0HttpOptions {
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest duration of one request, milliseconds. */
  readonly timeoutMs: number;
}

/** A request; `what` names it in errors, as in "Cannot search mem0". */
interface Mem0Request {
  readonly what: string;
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Sends requests to either API: timeout, errors, JSON. */
class Mem0Http {
  readonly #options: Mem0HttpOptions;

  constructor(options: Mem0HttpOptions) {
    this.#options = options;
  }

  /** Returns the response's JSON, or undefined for a 404. @throws {MemoryError} for any other failure. */
  async send({ what, method, path, query = {}, body, signal }: Mem0Request): Promise<unknown> {
    const { baseUrl, headers, timeoutMs } = this.#options;
    const url = new URL(baseUrl.replace(/\/+$/, "") + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    using deadline = new Deadline({ ms: timeoutMs, signal });
    let response: Response | undefined;
    let text: string;
    try {
      response = await fetch(url, {
        method,
        headers: {
          ...headers,
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        // Send the key and user text only to the configured server.
        redirect: "error",
        signal: deadline.signal,
      });
      text = await cappedText(response);
    } catch (error) {
      const abortReason = deadline.signal.aborted ? deadline.signal.reason as Error : undefined;
      const why = abortReason?.message ?? (response ? "no readable response" : "no connection");
      throw new MemoryError(`Cannot ${what} mem0: ${why}`, {
        transient: true,
        // Deno's message has the full URL, which contains user ids.
        cause: new Error(errorText(error).replace(/ for url \([^)]*\)/, "")),
      });
    }
    if (response.status === 404) return undefined;
    if (!response.ok) throw statusError(what, response.status, text);
    return parseJson(what, text);
  }
}

/** A wrong key may be fixed, so it is transient; other rejected requests would be rejected again. */
function statusError(what: string, status: number, text: string): MemoryError {
  const transient = status >= 500 || [401, 402, 403, 408, 425, 429].includes(status);
  const hint = status === 401 || status === 403 ? "; check MEM0_API_KEY" : "";
  const excerpt = text.replace(/\s+/g, " ").trim().slice(0, maxErrorChars);
  return new MemoryError(`Cannot ${what} mem0: it returned status ${status}${hint}`, {
    transient,
    ...(excerpt && { cause: new Error(excerpt) }),
  });
}

function parseJson(what: string, text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MemoryError(`Cannot ${what} mem0: the response is not JSON`, {
      transient: true,
      cause: error,
    });
  }
}
