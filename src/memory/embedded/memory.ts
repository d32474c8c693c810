/**
 * The memory in the gateway's own store: facts that a small model draws from each exchange (or, with
 * no model, the exchanges themselves), found by their words, by meaning where an embedding model is
 * set, and by age.
 */

import { errorText } from "../../lib/error_text.ts";
import { logger } from "../../logging/log.ts";
import type { Exchange, WaitingExchange } from "../../store/exchange_store.ts";
import type { Memory as StoredFact, MemoryStore, NewMemory } from "../../store/memory_store.ts";
import { isPrivate, viewFrom } from "../../store/memory_scope.ts";
import type { VectorStore } from "../../store/vector_store.ts";
import type { Embedder } from "./embedder.ts";
import { asRefusal, type Question, questionOf, readFacts } from "./extracted_facts.ts";
import { type AddOptions, type Fact, type Memory, MemoryError, type MemoryQuery } from "../port.ts";
import { Deadline } from "../../lib/deadline.ts";

const log = logger("memory");

/** Known facts that the model is shown beside an exchange. */
const maxKnown = 20;
/** Texts that are embedded in one request. */
const embedBatch = 64;
/** A text that every model takes. */
const harmless = "Hello";
/** Characters of either side that are kept of an exchange. */
const maxKeptChars = 1_000;
/** How much a place in one ranking weighs against one in another: the usual constant. */
const rankOffset = 60;

/** Has a small model answer a question about an exchange. */
export type AskModel = (
  question: Question,
  options: { readonly exchange: Exchange; readonly signal: AbortSignal },
) => Promise<string>;

/** What an {@linkcode EmbeddedMemory} is given. */
export interface EmbeddedMemoryOptions {
  readonly memories: MemoryStore;
  readonly vectors: VectorStore;
  /** Without it exchanges are kept as they are. */
  readonly ask?: AskModel;
  /** Without it facts are found by their words alone. */
  readonly embedder?: Embedder;
  /** How long a search waits for the query's vector, milliseconds. */
  readonly embedMs: number;
  /** Memories that are kept of one user's turns; the oldest make room. */
  readonly cap: number;
}

export class EmbeddedMemory implements Memory {
  readonly kind = "embedded";
  readonly #options: EmbeddedMemoryOptions;
  #embedding = false;
  /** Whether facts may have come since the embedding run has looked. */
  #unseen = false;
  /** Whether the log has the failure of the last run. */
  #warned = false;

  constructor(options: EmbeddedMemoryOptions) {
    this.#options = options;
  }

  async search({ query, limit, signal, ...view }: MemoryQuery): Promise<readonly Fact[]> {
    const { memories } = this.#options;
    const [byWords, byMeaning] = await Promise.all([
      memories.search({ ...view, query, limit: limit * 2 }),
      this.#closest({ ...view, query, limit: limit * 2, signal }),
    ]);
    const found = fused([byWords, byMeaning]).slice(0, limit);
    if (found.length === limit) return found.map(toFact);
    // What is new may matter, whatever words are used.
    const known = new Set(found.map(({ id }) => id));
    const newest = await memories.recent({ ...view, kind: "fact", limit });
    const others = newest.filter(({ id }) => !known.has(id));
    return [...found, ...others].slice(0, limit).map(toFact);
  }

  /** Learns once, however often it is called: the exchange leaves the outbox with the same commit. */
  async add(exchange: WaitingExchange, { signal }: AddOptions): Promise<void> {
    const { memories, ask, cap } = this.#options;
    const { seq, userKey } = exchange;
    const lesson = ask
      ? await this.#lesson(exchange, ask, signal)
      : { add: [wholeExchange(exchange)], drop: [] };
    await memories.learn({ seq, userKey, ...lesson }, { cap });
    await this.#embedMissing(signal);
  }

  async list(userKey: string, { limit }: { readonly limit: number }): Promise<readonly Fact[]> {
    const found = await this.#options.memories.recent({ userKey, includePrivate: true, limit });
    return found.map(toFact);
  }

  async remove(userKey: string, id: string): Promise<boolean> {
    return /^\d{1,15}$/.test(id) &&
      await this.#options.memories.remove({ userKey, id: Number(id) });
  }

  removeAll(userKey: string): Promise<number> {
    return this.#options.memories.removeAll(userKey);
  }

  async #lesson(exchange: WaitingExchange, ask: AskModel, signal: AbortSignal) {
    const { userKey, question, channelKey } = exchange;
    const secret = isPrivate(exchange);
    const similar = await this.#options.memories.search({
      userKey,
      ...viewFrom(exchange),
      query: question,
      limit: maxKnown * 2,
    });
    // Only facts of the same scope: what was said in private must not find its way into one that is
    // told everywhere, nor the other way round.
    const known = similar
      .filter((fact) => fact.private === secret && (!secret || fact.channelKey === channelKey))
      .slice(0, maxKnown);
    const answer = await ask(questionOf(exchange, known), { exchange, signal }).catch((error) => {
      throw asRefusal(error);
    });
    const found = readFacts(answer);
    const replaced = new Set(found.map(({ replaces }) => replaces));
    return {
      add: found.map(({ text }) => newFact(exchange, { text, kind: "fact" })),
      drop: known.map(({ id }) => id).filter((id) => replaced.has(id)),
    };
  }

  /** Empty where the vector does not come in time. */
  async #closest({ query, signal, ...view }: MemoryQuery): Promise<readonly StoredFact[]> {
    const { embedder, vectors, embedMs } = this.#options;
    if (!embedder) return [];
    using deadline = new Deadline({ ms: embedMs, signal });
    try {
      const [vector] = await embedder.embed([query], deadline.signal);
      return await vectors.closest({ ...view, model: embedder.model, vector: vector! });
    } catch (error) {
      if (!(error instanceof MemoryError)) throw error;
      log.debug("Facts are found by their words alone: {error}", { error: errorText(error) });
      return [];
    }
  }

  /**
   * Embeds what has no vector yet: new facts, those of tools, all after a change of the model. One run
   * at a time: two would ask for the same vectors.
   */
  async #embedMissing(signal: AbortSignal): Promise<void> {
    const { embedder } = this.#options;
    if (!embedder) return;
    this.#unseen = true;
    if (this.#embedding) return;
    this.#embedding = true;
    try {
      while (this.#unseen) {
        this.#unseen = false;
        await this.#embedAll(embedder, signal);
      }
      this.#warned = false;
    } catch (error) {
      // It is tried again after the next exchange; until then words find them.
      const text = "Facts wait for their vectors: {error}";
      if (this.#warned || signal.aborted) log.debug(text, { error: errorText(error) });
      else log.warn(text, { error: errorText(error) });
      this.#warned = true;
    } finally {
      this.#embedding = false;
    }
  }

  async #embedAll(embedder: Embedder, signal: AbortSignal): Promise<void> {
    for (;;) {
      const facts = await this.#options.vectors.missing({
        model: embedder.model,
        limit: embedBatch,
      });
      if (facts.length === 0) return;
      await this.#embed(facts, embedder, signal);
    }
  }

  /** Embeds facts; a text that the model refuses is found by halves, and goes without a vector. */
  async #embed(
    facts: readonly Pick<StoredFact, "id" | "text">[],
    embedder: Embedder,
    signal: AbortSignal,
  ): Promise<void> {
    const { vectors } = this.#options;
    const { model } = embedder;
    let found: readonly Float32Array[];
    try {
      found = await embedder.embed(facts.map(({ text }) => text), signal);
    } catch (error) {
      if (!(error instanceof MemoryError) || error.passing) throw error;
      if (facts.length > 1) {
        const half = facts.length >> 1;
        await this.#embed(facts.slice(0, half), embedder, signal);
        return await this.#embed(facts.slice(half), embedder, signal);
      }
      // A model that refuses this, too, is set up wrongly: then it is not for the text.
      await embedder.embed([harmless], signal);
      const { id } = facts[0]!;
      log.warn("Fact {id} gets no vector, words find it: {error}", { id, error: errorText(error) });
      return await vectors.skip(model, id);
    }
    await vectors.keep(model, facts.map(({ id }, index) => ({ id, vector: found[index]! })));
  }
}

/** Several rankings as one: what stands high in any of them, highest what stands high in all. */
function fused(rankings: readonly (readonly StoredFact[])[]): readonly StoredFact[] {
  const scores = new Map<number, { readonly fact: StoredFact; score: number }>();
  for (const ranking of rankings) {
    for (const [rank, fact] of ranking.entries()) {
      const entry = scores.get(fact.id) ?? { fact, score: 0 };
      entry.score += 1 / (rankOffset + rank);
      scores.set(fact.id, entry);
    }
  }
  return [...scores.values()].sort((a, b) => b.score - a.score).map(({ fact }) => fact);
}

function wholeExchange(exchange: Exchange): NewMemory {
  const question = exchange.question.slice(0, maxKeptChars);
  const answer = exchange.answer.slice(0, maxKeptChars);
  const text = question === answer ? question : `${question}\n→ ${answer}`;
  return newFact(exchange, { text: text.replaceAll("\0", " "), kind: "exchange" });
}

function newFact(
  exchange: Exchange,
  { text, kind }: { readonly text: string; readonly kind: StoredFact["kind"] },
): NewMemory {
  const { userKey, channelKey, at } = exchange;
  const common = { userKey, channelKey, createdAt: at, source: "turn" } as const;
  return { ...common, text, kind, private: isPrivate(exchange) };
}

function toFact({ id, text, private: secret, channelKey, createdAt }: StoredFact): Fact {
  return { id: String(id), text, private: secret, channelKey, createdAt };
}
