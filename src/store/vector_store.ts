/**
 * The part of the store that keeps embeddings of facts, for a search by meaning. Used by the embedded
 * memory where an embedding model is set.
 */

import type { Memory, MemoryView } from "./memory_store.ts";

/** Embeddings of facts. Every method is one transaction, durable when its promise resolves. */
export interface VectorStore {
  /**
   * Facts whose vectors of this model point most nearly where `vector` does, the nearest first;
   * newer ones before older ones that are as near. Never one that points away.
   */
  closest(
    options: MemoryView & {
      readonly model: string;
      readonly vector: Float32Array;
      readonly limit: number;
    },
  ): Promise<readonly Memory[]>;

  /**
   * Facts of all users that have no vector of this model, the newest first. Its cost does not grow
   * with the facts that have theirs, but for the first call for a model.
   */
  missing(
    options: { readonly model: string; readonly limit: number },
  ): Promise<readonly Pick<Memory, "id" | "text">[]>;

  /** Keeps vectors in place of older ones; of a fact that is gone none is kept. */
  keep(
    model: string,
    vectors: readonly { readonly id: number; readonly vector: Float32Array }[],
  ): Promise<void>;

  /** Notes that this model gives no vector for a fact: it is not missing any more. */
  skip(model: string, id: number): Promise<void>;
}
