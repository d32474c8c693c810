/**
 * The two APIs of mem0, as far as the gateway speaks them: the hosted one (https://docs.mem0.ai/api-reference,
 * version 3, deleting by version 1) and that of the self-hosted server (`server/main.py` of mem0's
 * repository, from the first one on). Used by the mem0 memory.
 */

import * as z from "zod";
import type { Mem0Config } from "../../config/gateway_config.ts";
import { Mem0Http } from "./http.ts";
import { MemoryError } from "../port.ts";

/** Whose memories are meant. */
export interface Mem0Target {
  readonly userId: string;
  /** The scopes that may be seen; undefined for all. */
  readonly scopes?: readonly string[];
}

/** One memory as mem0 gives it. */
export type Mem0Memory = z.output<typeof memorySchema>;

/** Messages to learn from. */
export interface Mem0Messages {
  readonly userId: string;
  readonly scope: string;
  readonly messages: readonly { readonly role: "user" | "assistant"; readonly content: string }[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** What both APIs can do. All methods throw {@linkcode MemoryError}. */
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
  /** False where there is none of this id. */
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

/** Most memories on one page of the hosted API. */
const pageSize = 100;
/** Most memories that the self-hosted server lists. */
const maxListed = 1000;
const hostedUrl = "https://api.mem0.ai";

/** The API that the settings name. */
export function mem0Api(
  { apiKey, baseUrl = hostedUrl, api, agentId, timeoutMs }: Mem0Config,
): Mem0Api {
  const hosted = api === "hosted" ||
    (api === "auto" && /(?:^|\.)mem0\.ai$/.test(new URL(baseUrl).hostname));
  const headers: Record<string, string> = {};
  if (apiKey && hosted) headers.authorization = `Token ${apiKey}`;
  else if (apiKey) headers["x-api-key"] = apiKey;
  const http = new Mem0Http({ baseUrl, headers, timeoutMs });
  return hosted ? new HostedMem0(http, agentId) : new OwnMem0(http, agentId);
}

/**
 * The hosted API. An agent's name goes there as `app_id`: a search for a user's memories of an
 * `agent_id` finds nothing, says its reference.
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
    needed("add to", await this.#post("add to", "/v3/memories/add/", { body, signal }));
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
    const found: Mem0Memory[] = [];
    for (let page = 1; found.length < limit; page++) {
      const path = `/v3/memories/?page=${page}&page_size=${pageSize}`;
      const body = { filters: this.#filters(target) };
      const some = toMemories("list", await this.#post("list", path, { body, signal }));
      found.push(...some);
      if (some.length < pageSize) break;
    }
    return found.slice(0, limit);
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

  /** An id that is not named would have to be null there. */
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
 * The self-hosted server. Ids stand beside the filters, for its first versions, and in them, for the
 * newest; filters are nothing but equal values, which all of its vector stores know.
 */
class OwnMem0 implements Mem0Api {
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
    needed("add to", await this.#http.send(request));
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

/** A 404 to what is no single memory means that there is no mem0 at this address. */
function needed(what: string, answer: unknown): unknown {
  if (answer !== undefined) return answer;
  throw new MemoryError(
    `Cannot ${what} mem0: it answered 404; look at MEM0_BASE_URL and MEM0_API`,
    { passing: true },
  );
}

function toMemories(what: string, answer: unknown): readonly Mem0Memory[] {
  const list = listSchema.safeParse(needed(what, answer));
  if (!list.success) {
    throw new MemoryError(`Cannot ${what} mem0: its answer is no list of memories`, {
      passing: true,
    });
  }
  return list.data.map((entry) => memorySchema.safeParse(entry))
    .filter((entry) => entry.success).map(({ data }) => data!);
}
