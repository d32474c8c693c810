/**
 * The memory in mem0. What the tool `remember` stores stays in the gateway's own store; a search
 * returns results of both.
 */

import type { Exchange, PendingExchange } from "../../store/exchange_store.ts";
import type { MemoryView } from "../../store/memory_store.ts";
import type { Mem0Api, Mem0Memory as FoundMemory } from "./api.ts";
import {
  type AddOptions,
  type Memory,
  type MemoryBackend,
  MemoryError,
  type MemoryQuery,
} from "../port.ts";

/** Memories searched for an exchange that may have been stored already. */
const maxChecked = 200;
/** Characters sent of the question, and of the answer. */
const maxSentChars = 8_000;
/** Characters of a message used as the query. */
const maxQueryChars = 1_000;
/** Memories of a user listed in one request. */
const maxListed = 1_000;

/** Options of {@linkcode Mem0Memory}. */
export interface Mem0MemoryOptions {
  readonly api: Mem0Api;
  /** The memories in the gateway's own store. */
  readonly embedded: Pick<MemoryBackend, "search" | "list" | "remove" | "removeAll">;
}

export class Mem0Memory implements MemoryBackend {
  readonly kind = "mem0";
  readonly #api: Mem0Api;
  readonly #embedded: Mem0MemoryOptions["embedded"];

  constructor({ api, embedded }: Mem0MemoryOptions) {
    this.#api = api;
    this.#embedded = embedded;
  }

  async search(query: MemoryQuery): Promise<readonly Memory[]> {
    const { userKey, limit, signal } = query;
    const scopes = visibleScopes(query);
    const searching = this.#api.search({ userId: userKey, scopes }, {
      query: query.query.slice(0, maxQueryChars),
      limit,
      signal,
    }).catch((error: MemoryError) => error);
    const own = await this.#embedded.search(query);
    const found = await searching;
    if (found instanceof Error) {
      const { message, transient } = found;
      throw new MemoryError(message, { transient, cause: found, partial: own });
    }
    // mem0 filters by scope; check again, so that the privacy of DMs does not depend on it alone.
    const visible = found.filter((memory) => isVisible(scopeOf(memory), scopes)).map(toMemory);
    return [...own.slice(0, Math.ceil(limit / 2)), ...visible].slice(0, limit);
  }

  /**
   * Sends an exchange. mem0 has no idempotency keys, so a retry first looks for memories with the
   * request's id.
   */
  async add(exchange: PendingExchange, { isRetry, signal }: AddOptions): Promise<void> {
    if (isRetry && await this.#has(exchange, signal)) return;
    const { key, userKey, channelKey, channelType } = exchange;
    const scope = scopeFor(exchange);
    await this.#api.add({
      userId: userKey,
      scope,
      messages: [
        { role: "user", content: exchange.question.slice(0, maxSentChars) },
        { role: "assistant", content: exchange.answer.slice(0, maxSentChars) },
      ],
      metadata: {
        request: key,
        scope,
        channel: channelKey,
        ...(channelType && { channel_type: channelType }),
      },
    }, signal);
  }

  async list(
    userKey: string,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<readonly Memory[]> {
    const [own, found] = await Promise.all([
      this.#embedded.list(userKey, options),
      this.#api.list({ userId: userKey }, options),
    ]);
    return [...own, ...found.map(toMemory)].slice(0, options.limit);
  }

  async remove(userKey: string, id: string): Promise<boolean> {
    if (await this.#embedded.remove(userKey, id)) return true;
    // mem0 deletes by id alone, so make sure that the memory is this user's.
    const found = await this.#api.list({ userId: userKey }, { limit: maxListed });
    return found.some((memory) => memory.id === id) && await this.#api.remove(id);
  }

  async removeAll(userKey: string): Promise<number> {
    // First, because this also removes the exchanges that wait to be sent.
    let count = await this.#embedded.removeAll(userKey);
    for (;;) {
      const found = await this.#api.list({ userId: userKey }, { limit: maxListed });
      const before = count;
      for (const { id } of found) if (await this.#api.remove(id)) count++;
      if (count === before) return count;
    }
  }

  async #has(exchange: PendingExchange, signal: AbortSignal): Promise<boolean> {
    const target = { userId: exchange.userKey, scopes: [scopeFor(exchange)] };
    const found = await this.#api.list(target, { limit: maxChecked, signal });
    return found.some(({ metadata }) => metadata?.request === exchange.key);
  }
}

// Scopes are sent to mem0 as `run_id`: it never merges memories of different ones, and a search names
// those that may be seen.
const openScope = "open";
const directScope = "dm";

/** Returns the scope of what is said in an exchange. */
function scopeFor({ channelType, channelKey }: Exchange): string {
  if (channelType === "dm") return directScope;
  return channelType === undefined ? channelScope(channelKey) : openScope;
}

/** Returns the scopes that a view may see; undefined means all scopes of the user. */
function visibleScopes(
  { includePrivate, channelKey }: MemoryView,
): readonly string[] | undefined {
  if (includePrivate) return undefined;
  return channelKey === undefined ? [openScope] : [openScope, channelScope(channelKey)];
}

function isVisible(scope: string | undefined, scopes: readonly string[] | undefined): boolean {
  return scopes === undefined || (scope !== undefined && scopes.includes(scope));
}

function channelScope(channelKey: string): string {
  return `channel:${channelKey}`;
}

/** Returns the scope that a memory was stored with. */
function scopeOf({ run_id, metadata }: FoundMemory): string | undefined {
  return run_id ?? (typeof metadata?.scope === "string" ? metadata.scope : undefined);
}

function toMemory(memory: FoundMemory): Memory {
  const { id, memory: text, metadata, created_at } = memory;
  const createdAt = Date.parse(created_at ?? "");
  return {
    id,
    text,
    private: scopeOf(memory) !== openScope,
    ...(typeof metadata?.channel === "string" && { channelKey: metadata.channel }),
    ...(Number.isFinite(createdAt) && { createdAt }),
  };
}
