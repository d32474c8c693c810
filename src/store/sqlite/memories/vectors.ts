import type { Memory, MemoryView, VectorStore } from "../../memory_store.ts";
import type { SqliteConnection } from "../connection.ts";
import { halfWeightAgeMs, visibility, visible } from "./memories.ts";
import { toMemory } from "../rows.ts";
import { cosine, signDistances, vectorBytes } from "./vector.ts";
/** Vectors that are compared in full, by their signs the most promising. */
const maxCandidates = 100;

/**
 * The tables `memory_vectors`, `memory_signs` and `memory_unembedded`. Signs of no length stand for a
 * text that the model refuses.
 */
export class SqliteVectors implements VectorStore {
  readonly #sql: SqliteConnection;
  /** The model whose missing vectors `memory_unembedded` tells. */
  #model?: string;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  nearest(
    { model, vector, limit, ...view }: MemoryView & {
      readonly model: string;
      readonly vector: Float32Array;
      readonly limit: number;
    },
  ): Promise<readonly Memory[]> {
    return this.#sql.read(() => {
      const wanted = vectorBytes(vector);
      const found = this.#candidates(view, { model, signs: wanted.signs })
        .map((id) => {
          const row = this.#sql.get(
            `SELECT memories.*, vector FROM memory_vectors JOIN memories ON id = memory_id
             WHERE memory_id = ?`,
            id,
          )!;
          return { memory: toMemory(row), near: cosine(wanted.vector, row.vector as Uint8Array) };
        })
        .filter(({ near }) => near > 0);
      const newest = Math.max(0, ...found.map(({ memory }) => memory.createdAt));
      const weight = ({ memory, near }: typeof found[number]) =>
        near / (1 + (newest - memory.createdAt) / halfWeightAgeMs);
      return found.sort((a, b) => weight(b) - weight(a)).slice(0, limit)
        .map(({ memory }) => memory);
    });
  }

  async missing(
    { model, limit }: { readonly model: string; readonly limit: number },
  ): Promise<readonly Pick<Memory, "id" | "text">[]> {
    if (model !== this.#model) await this.#look(model);
    return await this.#sql.read(() =>
      this.#sql.all(
        // In this order: what waits first, its text then.
        `SELECT id, text FROM memory_unembedded CROSS JOIN memories ON id = memory_id
         ORDER BY memory_id DESC LIMIT ?`,
        limit,
      ).map(({ id, text }) => ({ id: id as number, text: text as string }))
    );
  }

  save(
    model: string,
    vectors: readonly { readonly id: number; readonly vector: Float32Array }[],
  ): Promise<void> {
    return this.#sql.write(() => {
      for (const { id, vector: values } of vectors) {
        const { signs, vector } = vectorBytes(values);
        this.#keepSigns(model, { id, signs });
        this.#sql.run(
          `INSERT OR REPLACE INTO memory_vectors (memory_id, vector)
           SELECT id, ? FROM memories WHERE id = ?`,
          vector,
          id,
        );
      }
    });
  }

  skip(model: string, id: number): Promise<void> {
    return this.#sql.write(() => {
      this.#keepSigns(model, { id, signs: new Uint8Array() });
      this.#sql.run("DELETE FROM memory_vectors WHERE memory_id = ?", id);
    });
  }

  #keepSigns(
    model: string,
    { id, signs }: { readonly id: number; readonly signs: Uint8Array },
  ): void {
    this.#sql.run(
      `INSERT OR REPLACE INTO memory_signs (memory_id, model, signs)
       SELECT id, ?, ? FROM memories WHERE id = ?`,
      model,
      signs,
      id,
    );
    this.#sql.run("DELETE FROM memory_unembedded WHERE memory_id = ?", id);
    // What waits is another model's, and is looked for anew.
    if (model !== this.#model) this.#model = undefined;
  }

  /** Looks at all facts, once after a start and after a change of the model. */
  async #look(model: string): Promise<void> {
    await this.#sql.write(() => {
      this.#sql.run("DELETE FROM memory_unembedded");
      this.#sql.run(
        `INSERT INTO memory_unembedded SELECT id FROM memories WHERE NOT EXISTS (
           SELECT 1 FROM memory_signs WHERE memory_id = id AND model = ?
         )`,
        model,
      );
    });
    this.#model = model;
  }

  #candidates(
    view: MemoryView,
    { model, signs }: { readonly model: string; readonly signs: Uint8Array },
  ): readonly number[] {
    // All in one row: ten thousand rows would cost more than the comparisons.
    const { ids, all } = this.#sql.get(
      `SELECT json_group_array(memory_id) AS ids, CAST(group_concat(signs, '') AS BLOB) AS "all"
       FROM memories JOIN memory_signs ON memory_id = memories.id
       WHERE user_key = ? AND ${visible} AND model = ? AND length(signs) = ?`,
      view.userKey,
      ...visibility(view),
      model,
      signs.length,
    )!;
    if (!all) return [];
    const distances = signDistances(signs, all as Uint8Array);
    return (JSON.parse(ids as string) as number[])
      .map((id, index) => ({ id, distance: distances[index]! }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, maxCandidates)
      .map(({ id }) => id);
  }
}
