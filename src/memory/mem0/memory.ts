/**
 * The memory in mem0. What the tools were asked to remember stays in the gateway's own store, and is
 * found beside what mem0 finds.
 */

import type { PendingExchange } from "../../store/exchange_store.ts";
import type { Mem0Api, Mem0Memory as Found } from "./api.ts";
import { isPrivateScope, isVisible, scopeOf, scopesIn } from "./scope.ts";
import { type AddOptions, type Fact, type Memory, MemoryError, type MemoryQuery } from "../port.ts";

/** Memories that are looked at to find out whether an exchange is there already. */
const maxLookedAt = 200;
/** Characters of either side of an exchange that are sent. */
const maxSentChars = 8_000;
/** Characters of a message that are searched for. */
const maxQueryChars = 1_000;
/** Memories of a user that are listed at once. */
const maxListed = 1_000;

/** What a {@linkcode Mem0Memory} is given. */
export interface Mem0MemoryOptions {
  readonly api: Mem0Api;
  /** The facts in the gateway's own store. */
  readonly own: Pick<Memory, "search" | "list" | "remove" | "removeAll">;
}

export class Mem0Memory implements Memory {
  readonly kind = "mem0";
  readonly #api: Mem0Api;
  readonly #own: Mem0MemoryOptions["own"];

  constructor({ api, own }: Mem0MemoryOptions) {
    this.#api = api;
    this.#own = own;
  }

  async search(query: MemoryQuery): Promise<readonly Fact[]> {
    const { userKey, limit, signal } = query;
    const scopes = scopesIn(query);
    const searching = this.#api.search({ userId: userKey, scopes }, {
      query: query.query.slice(0, maxQueryChars),
      limit,
      signal,
    }).catch((error: MemoryError) => error);
    const own = await this.#own.search(query);
    const found = await searching;
    if (found instanceof Error) {
      throw new MemoryError(found.message, { passing: found.passing, cause: found, found: own });
    }
    // mem0 filters; but that a DM stays private shall not hang on it alone.
    const seen = found.filter((memory) => isVisible(scopeIn(memory), scopes)).map(toFact);
    return [...own.slice(0, Math.ceil(limit / 2)), ...seen].slice(0, limit);
  }

  /**
   * Sends an exchange. mem0 knows no idempotency key: one whose answer was not heard is looked for,
   * by its request's id, before it is sent again.
   */
  async add(exchange: PendingExchange, { repeated, signal }: AddOptions): Promise<void> {
    if (repeated && await this.#has(exchange, signal)) return;
    const { key, userKey, channelKey, channelType } = exchange;
    const scope = scopeOf(exchange);
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
  ): Promise<readonly Fact[]> {
    const [own, found] = await Promise.all([
      this.#own.list(userKey, options),
      this.#api.list({ userId: userKey }, options),
    ]);
    return [...own, ...found.map(toFact)].slice(0, options.limit);
  }

  async remove(userKey: string, id: string): Promise<boolean> {
    if (await this.#own.remove(userKey, id)) return true;
    // An id alone would delete what is another user's.
    const found = await this.#api.list({ userId: userKey }, { limit: maxListed });
    return found.some((memory) => memory.id === id) && await this.#api.remove(id);
  }

  async removeAll(userKey: string): Promise<number> {
    // First: with these go the exchanges that wait to be sent.
    let count = await this.#own.removeAll(userKey);
    for (;;) {
      const found = await this.#api.list({ userId: userKey }, { limit: maxListed });
      const before = count;
      for (const { id } of found) if (await this.#api.remove(id)) count++;
      if (count === before) return count;
    }
  }

  async #has(exchange: PendingExchange, signal: AbortSignal): Promise<boolean> {
    const target = { userId: exchange.userKey, scopes: [scopeOf(exchange)] };
    const found = await this.#api.list(target, { limit: maxLookedAt, signal });
    return found.some(({ metadata }) => metadata?.request === exchange.key);
  }
}

/** The scope that a memory was stored with. */
function scopeIn({ run_id, metadata }: Found): string | undefined {
  return run_id ?? (typeof metadata?.scope === "string" ? metadata.scope : undefined);
}

function toFact(memory: Found): Fact {
  const { id, memory: text, metadata, created_at } = memory;
  const createdAt = Date.parse(created_at ?? "");
  return {
    id,
    text,
    private: isPrivateScope(scopeIn(memory)),
    ...(typeof metadata?.channel === "string" && { channelKey: metadata.channel }),
    ...(Number.isFinite(createdAt) && { createdAt }),
  };
}
