/**
 * Embeddings in SQLite: normalized vectors of 32-bit floats, and their signs, which take 1/32 of the space.
 * A search compares the signs of all vectors, then the full vectors of the best candidates.
 */

import type { Memory, MemoryView, VectorStore } from "../../memory_store.ts";
import type { SqliteConnection } from "../connection.ts";
import { halfWeightAgeMs, toMemory, visible, visibleParameters } from "./memories.ts";

/** Vectors to compare in full. */
const maxCandidates = 100;

/**
 * The tables `memory_vectors`, `memory_signs` and `memory_unembedded`. Empty signs mark a text that the
 * model rejected.
 */
export class SqliteVectors implements VectorStore {
  readonly #sql: SqliteConnection;
  /** The model for which `memory_unembedded` was built. */
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
      const wanted = toBytes(vector);
      const found = this.#candidates(view, { model, signs: wanted.signs })
        .map((id) => {
          const row = this.#sql.get(
            `SELECT memories.*, vector FROM memory_vectors JOIN memories ON id = memory_id
             WHERE memory_id = ?`,
            id,
          )!;
          return {
            memory: toMemory(row),
            similarity: cosine(wanted.vector, row.vector as Uint8Array),
          };
        })
        .filter(({ similarity }) => similarity > 0);
      const newest = Math.max(0, ...found.map(({ memory }) => memory.createdAt));
      const weight = ({ memory, similarity }: typeof found[number]) =>
        similarity / (1 + (newest - memory.createdAt) / halfWeightAgeMs);
      return found.sort((a, b) => weight(b) - weight(a)).slice(0, limit)
        .map(({ memory }) => memory);
    });
  }

  async missing(
    { model, limit }: { readonly model: string; readonly limit: number },
  ): Promise<readonly Pick<Memory, "id" | "text">[]> {
    if (model !== this.#model) await this.#findMissing(model);
    return await this.#sql.read(() =>
      this.#sql.all(
        // CROSS JOIN makes SQLite start from the few missing memories.
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
        const { signs, vector } = toBytes(values);
        this.#saveSigns(model, { id, signs });
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
      this.#saveSigns(model, { id, signs: new Uint8Array() });
      this.#sql.run("DELETE FROM memory_vectors WHERE memory_id = ?", id);
    });
  }

  #saveSigns(
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
    // The list was built for another model.
    if (model !== this.#model) this.#model = undefined;
  }

  /** Lists memories without a vector. A full scan, needed once per start and after a change of model. */
  async #findMissing(model: string): Promise<void> {
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
    // In a single row: ten thousand rows would cost more than the comparisons.
    const { ids, all } = this.#sql.get(
      `SELECT json_group_array(memory_id) AS ids, CAST(group_concat(signs, '') AS BLOB) AS "all"
       FROM memories JOIN memory_signs ON memory_id = memories.id
       WHERE user_key = ? AND ${visible} AND model = ? AND length(signs) = ?`,
      view.userKey,
      ...visibleParameters(view),
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

/** A normalized vector and its signs. */
interface VectorBytes {
  readonly vector: Uint8Array;
  readonly signs: Uint8Array;
}

/** Normalizes a vector and returns it with its signs. */
function toBytes(values: Float32Array): VectorBytes {
  let square = 0;
  for (const value of values) square += value * value;
  const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
  const normal = values.map((value) => value * scale);
  const signs = new Uint8Array(Math.ceil(values.length / 32) * 4);
  for (let index = 0; index < values.length; index++) {
    if (values[index]! > 0) signs[index >> 3]! |= 1 << (index & 7);
  }
  return { vector: new Uint8Array(normal.buffer, normal.byteOffset, normal.byteLength), signs };
}

/** Returns the Hamming distance to each vector in `all`, the concatenated signs of all vectors. */
function signDistances(signs: Uint8Array, all: Uint8Array): readonly number[] {
  const own = aligned(signs, Uint32Array);
  const found = aligned(all, Uint32Array);
  const distances: number[] = [];
  for (let start = 0; start < found.length; start += own.length) {
    let distance = 0;
    for (let index = 0; index < own.length; index++) {
      distance += bitCount(own[index]! ^ found[start + index]!);
    }
    distances.push(distance);
  }
  return distances;
}

/** Cosine of two normalized vectors; 0 if their dimensions differ. */
function cosine(left: Uint8Array, right: Uint8Array): number {
  if (left.length !== right.length) return 0;
  const a = aligned(left, Float32Array);
  const b = aligned(right, Float32Array);
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/** Views bytes as 32-bit numbers. Copies them if the driver returned them unaligned. */
function aligned<T>(
  bytes: Uint8Array,
  view: new (buffer: ArrayBufferLike, offset: number, length: number) => T,
): T {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new view(buffer, byteOffset, length / 4);
}

/** Counts the set bits of a 32-bit number. */
function bitCount(value: number): number {
  let count = value - ((value >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  count = (count + (count >>> 4)) & 0x0f0f0f0f;
  return Math.imul(count, 0x01010101) >>> 24;
}
