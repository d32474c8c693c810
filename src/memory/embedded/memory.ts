/**
 * The memory in the gateway's own store. A small model extracts facts from each exchange (without a
 * model, whole exchanges are stored). A search ranks by words, by meaning if an embedding model is
 * configured, and by age.
 */

import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import type { Exchange, PendingExchange } from "../../store/exchange_store.ts";
import type { Memory as StoredMemory, MemoryStore, NewMemory } from "../../store/memory_store.ts";
import { isPrivate, viewFrom } from "../../store/memory_store.ts";
import type { VectorStore } from "../../store/memory_store.ts";
import type { Embedder } from "./embedder.ts";
import {
  asMemoryError,
  type ExtractionPrompt,
  extractionPrompt,
  readFacts,
} from "./fact_extraction.ts";
import {
  type AddOptions,
  type Memory,
  type MemoryBackend,
  MemoryError,
  type MemoryQuery,
} from "../port.ts";
import { Deadline } from "../../lib/deadline.ts";

const log = logger("memory");

/** Most known facts shown to the model with an exchange. */
const maxKnown = 20;
/** Texts embedded in one request. */
const embedBatch = 64;
/** A text that every model accepts. */
const harmlessText = "Hello";
/** Characters stored of the question, and of the answer, of a whole exchange. */
const maxExchangeChars = 1_000;
/** The usual constant of reciprocal rank fusion. */
const rankOffset = 60;

/** Asks a small model about an exchange. */
export type AskModel = (
  prompt: ExtractionPrompt,
  options: { readonly exchange: Exchange; readonly signal: AbortSignal },
) => Promise<string>;

/** Options of {@linkcode EmbeddedMemory}. */
export interface EmbeddedMemoryOptions {
  readonly memories: MemoryStore;
  readonly vectors: VectorStore;
  /** If missing, whole exchanges are stored. */
  readonly ask?: AskModel;
  /** If missing, memories are found by their words only. */
  readonly embedder?: Embedder;
  /** How long a search waits for the query's vector, milliseconds. */
  readonly embedMs: number;
  /** Most memories of one user from turns; beyond that the oldest are dropped. */
  readonly cap: number;
}

export class EmbeddedMemory implements MemoryBackend {
  readonly kind = "embedded";
  readonly #options: EmbeddedMemoryOptions;
  #embedding = false;
  /** Whether memories may have been added since the running embedding looked for them. */
  #embedAgain = false;
  /** Whether the failure of the last embedding was logged. */
  #warned = false;

  constructor(options: EmbeddedMemoryOptions) {
    this.#options = options;
  }

  async search({ query, limit, signal, ...view }: MemoryQuery): Promise<readonly Memory[]> {
    const { memories } = this.#options;
    const [byWords, byMeaning] = await Promise.all([
      memories.search({ ...view, query, limit: limit * 2 }),
      this.#closest({ ...view, query, limit: limit * 2, signal }),
    ]);
    const found = fuseRankings([byWords, byMeaning]).slice(0, limit);
    if (found.length === limit) return found.map(toMemory);
    // Recent facts may be relevant even if no word matches.
    const foundIds = new Set(found.map(({ id }) => id));
    const newest = await memories.recent({ ...view, kind: "fact", limit });
    const others = newest.filter(({ id }) => !foundIds.has(id));
    return [...found, ...others].slice(0, limit).map(toMemory);
  }

  /** Learns at most once per exchange: the same commit removes it from the outbox. */
  async add(exchange: PendingExchange, { signal }: AddOptions): Promise<void> {
    const { memories, ask, cap } = this.#options;
    const { seq, userKey } = exchange;
    const facts = ask
      ? await this.#extractFacts(exchange, ask, signal)
      : { add: [wholeExchange(exchange)], drop: [] };
    await memories.learn({ seq, userKey, ...facts }, { cap });
    await this.#embedMissing(signal);
  }

  async list(userKey: string, { limit }: { readonly limit: number }): Promise<readonly Memory[]> {
    const found = await this.#options.memories.recent({ userKey, includePrivate: true, limit });
    return found.map(toMemory);
  }

  async remove(userKey: string, id: string): Promise<boolean> {
    return /^\d{1,15}$/.test(id) &&
      await this.#options.memories.remove({ userKey, id: Number(id) });
  }

  removeAll(userKey: string): Promise<number> {
    return this.#options.memories.removeAll(userKey);
  }

  async #extractFacts(exchange: PendingExchange, ask: AskModel, signal: AbortSignal) {
    const { userKey, question, channelKey } = exchange;
    const inPrivate = isPrivate(exchange);
    const similar = await this.#options.memories.search({
      userKey,
      ...viewFrom(exchange),
      query: question,
      limit: maxKnown * 2,
    });
    // Show the model only facts of the same scope, so that nothing private leaks into a fact that is
    // shown everywhere, nor the other way round.
    const known = similar
      .filter((fact) =>
        fact.private === inPrivate && (!inPrivate || fact.channelKey === channelKey)
      )
      .slice(0, maxKnown);
    const prompt = extractionPrompt(exchange, known);
    const answer = await ask(prompt, { exchange, signal }).catch((error) => {
      throw asMemoryError(error);
    });
    const found = readFacts(answer);
    const replaced = new Set(found.map(({ replaces }) => replaces));
    return {
      add: found.map(({ text }) => newMemory(exchange, { text, kind: "fact" })),
      drop: known.map(({ id }) => id).filter((id) => replaced.has(id)),
    };
  }

  /** Ranks by meaning; returns nothing if the query's vector does not arrive in time. */
  async #closest({ query, signal, ...view }: MemoryQuery): Promise<readonly StoredMemory[]> {
    const { embedder, vectors, embedMs } = this.#options;
    if (!embedder) return [];
    using deadline = new Deadline({ ms: embedMs, signal });
    try {
      const [vector] = await embedder.embed([query], deadline.signal);
      return await vectors.nearest({ ...view, model: embedder.model, vector: vector! });
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      log.debug("Searching memories by words only: {error}", { error: errorText(error) });
      return [];
    }
  }

  /**
   * Embeds what has no vector yet: new facts, memories added by tools, everything after a change of the
   * model. Only one run at a time, since two would request the same vectors.
   */
  async #embedMissing(signal: AbortSignal): Promise<void> {
    const { embedder } = this.#options;
    if (!embedder) return;
    this.#embedAgain = true;
    if (this.#embedding) return;
    this.#embedding = true;
    try {
      while (this.#embedAgain) {
        this.#embedAgain = false;
        await this.#embedAll(embedder, signal);
      }
      this.#warned = false;
    } catch (error) {
      // Retried after the next exchange; until then words find these memories.
      const text = "Cannot embed memories, will retry: {error}";
      if (this.#warned || signal.aborted) log.debug(text, { error: errorText(error) });
      else log.warn(text, { error: errorText(error) });
      this.#warned = true;
    } finally {
      this.#embedding = false;
    }
  }

  async #embedAll(embedder: Embedder, signal: AbortSignal): Promise<void> {
    for (;;) {
      const memories = await this.#options.vectors.missing({
        model: embedder.model,
        limit: embedBatch,
      });
      if (memories.length === 0) return;
      await this.#embed(memories, embedder, signal);
    }
  }

  /** Embeds memories; a text that the model rejects is found by bisection and skipped. */
  async #embed(
    memories: readonly Pick<StoredMemory, "id" | "text">[],
    embedder: Embedder,
    signal: AbortSignal,
  ): Promise<void> {
    const { vectors } = this.#options;
    const { model } = embedder;
    let found: readonly Float32Array[];
    try {
      found = await embedder.embed(memories.map(({ text }) => text), signal);
    } catch (error) {
      if (!(error instanceof MemoryError) || error.transient) throw error;
      if (memories.length > 1) {
        const half = memories.length >> 1;
        await this.#embed(memories.slice(0, half), embedder, signal);
        return await this.#embed(memories.slice(half), embedder, signal);
      }
      // If the model rejects this as well, the setup is wrong and not the text.
      await embedder.embed([harmlessText], signal);
      const { id } = memories[0]!;
      log.warn("Cannot embed memory {id}, only words will find it: {error}", {
        id,
        error: errorText(error),
      });
      return await vectors.skip(model, id);
    }
    await vectors.save(model, memories.map(({ id }, index) => ({ id, vector: found[index]! })));
  }
}

/** Merges rankings by reciprocal rank fusion. */
function fuseRankings(
  rankings: readonly (readonly StoredMemory[])[],
): readonly StoredMemory[] {
  const scores = new Map<number, { readonly memory: StoredMemory; score: number }>();
  for (const ranking of rankings) {
    for (const [rank, memory] of ranking.entries()) {
      const entry = scores.get(memory.id) ?? { memory, score: 0 };
      entry.score += 1 / (rankOffset + rank);
      scores.set(memory.id, entry);
    }
  }
  return [...scores.values()].sort((a, b) => b.score - a.score).map(({ memory }) => memory);
}

function wholeExchange(exchange: Exchange): NewMemory {
  const question = exchange.question.slice(0, maxExchangeChars);
  const answer = exchange.answer.slice(0, maxExchangeChars);
  const text = question === answer ? question : `${question}\n→ ${answer}`;
  return newMemory(exchange, { text: text.replaceAll("\0", " "), kind: "exchange" });
}

function newMemory(
  exchange: Exchange,
  { text, kind }: { readonly text: string; readonly kind: StoredMemory["kind"] },
): NewMemory {
  const { userKey, channelKey, at } = exchange;
  const common = { userKey, channelKey, createdAt: at, source: "turn" } as const;
  return { ...common, text, kind, private: isPrivate(exchange) };
}

function toMemory(
  { id, text, private: inPrivate, channelKey, createdAt }: StoredMemory,
): Memory {
  return { id: String(id), text, private: inPrivate, channelKey, createdAt };
}
