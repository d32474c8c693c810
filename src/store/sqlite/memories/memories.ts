/** Memories in SQLite. */

import type {
  ExtractedFacts,
  Memory,
  MemoryStore,
  MemoryView,
  NewMemory,
} from "../../memory_store.ts";
import type { Row, SqliteConnection } from "../connection.ts";
import { bestMatches, termList } from "./term_list.ts";
import { queryTermsOf } from "./terms.ts";

/** Age difference to the newest memory that halves the score, milliseconds. */
export const halfWeightAgeMs = 180 * 86_400_000;
/** Best matches to check for visibility. */
const maxMatches = 500;

/** The tables `memories` and `memory_terms`. `learn` also deletes from `memory_outbox`. */
export class SqliteMemories implements MemoryStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  add(
    memory: NewMemory,
    { cap }: { readonly cap: number },
  ): Promise<{ readonly memory: Memory; readonly created: boolean }> {
    return this.#sql.write(() => this.#add(memory, cap));
  }

  search(
    { query, limit, ...view }: MemoryView & { readonly query: string; readonly limit: number },
  ): Promise<readonly Memory[]> {
    return this.#sql.read(() => {
      const terms = queryTermsOf(query);
      if (terms.length === 0) return [];
      // In a single row: one row per list would cost more than the search.
      const { lists } = this.#sql.get(
        `SELECT CAST(group_concat(terms, '') AS BLOB) AS lists FROM memory_terms WHERE user_key = ?`,
        view.userKey,
      )!;
      if (!lists) return [];
      const ids = bestMatches(lists as Uint8Array, { terms, halfWeightAgeMs, limit: maxMatches });
      const found: Memory[] = [];
      for (let from = 0; from < ids.length && found.length < limit; from += limit) {
        found.push(...this.#visible(ids.slice(from, from + limit), view));
      }
      return found.slice(0, limit);
    });
  }

  recent(
    { limit, kind, ...view }: MemoryView & {
      readonly limit: number;
      readonly kind?: Memory["kind"];
    },
  ): Promise<readonly Memory[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        // Separate statements, because each uses its own index for this order.
        `SELECT * FROM memories
         WHERE user_key = ? AND ${kind ? "kind = ?" : "? IS NULL"} AND ${visible}
         ORDER BY id DESC LIMIT ?`,
        view.userKey,
        kind ?? null,
        ...visibleParameters(view),
        limit,
      ).map(toMemory)
    );
  }

  remove(
    { userKey, id }: { readonly userKey: string; readonly id: number },
  ): Promise<boolean> {
    return this.#sql.write(() =>
      this.#sql.run("DELETE FROM memories WHERE user_key = ? AND id = ?", userKey, id).changes > 0
    );
  }

  removeAll(userKey: string): Promise<number> {
    return this.#sql.write(() => {
      this.#sql.run("DELETE FROM memory_outbox WHERE user_key = ?", userKey);
      return this.#sql.run("DELETE FROM memories WHERE user_key = ?", userKey).changes as number;
    });
  }

  learn(
    { seq, userKey, add, drop }: ExtractedFacts,
    { cap }: { readonly cap: number },
  ): Promise<boolean> {
    return this.#sql.write(() => {
      const { changes } = this.#sql.run("DELETE FROM memory_outbox WHERE seq = ?", seq);
      if (changes === 0) return false;
      for (const id of drop) {
        this.#sql.run(
          "DELETE FROM memories WHERE user_key = ? AND id = ? AND source = 'turn'",
          userKey,
          id,
        );
      }
      for (const memory of add) this.#add(memory, cap);
      return true;
    });
  }

  /** Filters memories by visibility, in the same order. */
  #visible(ids: readonly number[], view: MemoryView): readonly Memory[] {
    // CROSS JOIN, or SQLite might scan all memories of the user.
    return this.#sql.all(
      `SELECT memories.* FROM json_each(?) AS found
       CROSS JOIN memories ON memories.id = found.value
       WHERE user_key = ? AND ${visible} ORDER BY found.key`,
      JSON.stringify(ids),
      view.userKey,
      ...visibleParameters(view),
    ).map(toMemory);
  }

  #add(added: NewMemory, cap: number): { readonly memory: Memory; readonly created: boolean } {
    const { userKey, text, source = "tool", kind = "fact" } = added;
    const known = this.#sql.get(
      `UPDATE memories SET private = min(private, ?), source = iif(? = 'tool', 'tool', source)
       WHERE user_key = ? AND text = ? RETURNING *`,
      Number(added.private),
      source,
      userKey,
      text,
    );
    if (known) return { memory: toMemory(known), created: false };
    const created = this.#sql.get(
      `INSERT INTO memories (user_key, text, private, channel_key, created_at, source, kind)
       VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *`,
      userKey,
      text,
      Number(added.private),
      added.channelKey,
      added.createdAt,
      source,
      kind,
    )!;
    const memory = toMemory(created);
    this.#sql.run(
      "INSERT INTO memory_terms (user_key, memory_id, terms) VALUES (?, ?, ?)",
      userKey,
      memory.id,
      termList(memory),
    );
    this.#sql.run(
      `DELETE FROM memories WHERE id IN (
         SELECT id FROM memories WHERE user_key = ? AND source = ? ORDER BY id DESC LIMIT -1 OFFSET ?
       )`,
      userKey,
      source,
      cap,
    );
    return { memory, created: true };
  }
}

/** Condition: memories that a view includes. */
export const visible = "(memories.private = 0 OR ? = 1 OR memories.channel_key = ?)";

/** Parameters of {@linkcode visible}. */
export function visibleParameters(
  { includePrivate, channelKey }: MemoryView,
): [number, string | null] {
  return [Number(includePrivate), channelKey ?? null];
}

/** Converts a row of `memories`. */
export function toMemory(row: Row): Memory {
  return {
    id: row.id as number,
    userKey: row.user_key as string,
    text: row.text as string,
    private: row.private === 1,
    channelKey: row.channel_key as string,
    createdAt: row.created_at as number,
    source: row.source as Memory["source"],
    kind: row.kind as Memory["kind"],
  };
}
