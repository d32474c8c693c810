/** Facts of users on SQLite. See memory_store.ts for what each method promises. */

import type { Memory, MemoryStore, MemoryView, NewMemory } from "./memory_store.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";
import { toMemory } from "./sqlite_rows.ts";

/** A fact that is this much older than the user's newest one counts half, milliseconds. */
const halfWeightAgeMs = 180 * 86_400_000;

/** The tables `memories` and `memories_words`. */
export class SqliteMemories implements MemoryStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  add(
    fact: NewMemory,
    { cap }: { readonly cap: number },
  ): Promise<{ readonly memory: Memory; readonly created: boolean }> {
    return this.#sql.write(() => {
      const known = this.#sql.get(
        "UPDATE memories SET private = min(private, ?) WHERE user_key = ? AND text = ? RETURNING *",
        Number(fact.private),
        fact.userKey,
        fact.text,
      );
      if (known) return { memory: toMemory(known), created: false };
      const created = this.#sql.get(
        `INSERT INTO memories (user_key, text, private, channel_key, created_at)
         VALUES (?, ?, ?, ?, ?) RETURNING *`,
        fact.userKey,
        fact.text,
        Number(fact.private),
        fact.channelKey,
        fact.createdAt,
      )!;
      this.#sql.run(
        `DELETE FROM memories WHERE id IN (
           SELECT id FROM memories WHERE user_key = ? ORDER BY id DESC LIMIT -1 OFFSET ?
         )`,
        fact.userKey,
        cap,
      );
      return { memory: toMemory(created), created: true };
    });
  }

  search(
    { query, limit, ...view }: MemoryView & { readonly query: string; readonly limit: number },
  ): Promise<readonly Memory[]> {
    return this.#sql.read(() => {
      // Each word in quotes: what a person types is never FTS5's query language.
      const words = query.match(/[\p{L}\p{M}\p{N}]+/gu)?.map(quoted).join(" OR ");
      if (!words) return [];
      return this.#sql.all(
        // The user's key is in the index only to narrow the search; the comparison decides.
        `SELECT memories.* FROM memories_words JOIN memories ON memories.id = memories_words.rowid
         WHERE memories_words MATCH ? AND memories.user_key = ? AND ${visible}
         ORDER BY bm25(memories_words, 0, 1) / (1 + (
           (SELECT max(created_at) FROM memories WHERE user_key = ?) - memories.created_at
         ) / CAST(? AS REAL)), memories.id DESC LIMIT ?`,
        `user_key : ${quoted(view.userKey)} AND text : (${words})`,
        view.userKey,
        ...visibility(view),
        view.userKey,
        halfWeightAgeMs,
        limit,
      ).map(toMemory);
    });
  }

  recent({ limit, ...view }: MemoryView & { readonly limit: number }): Promise<readonly Memory[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT * FROM memories WHERE user_key = ? AND ${visible} ORDER BY id DESC LIMIT ?`,
        view.userKey,
        ...visibility(view),
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
}

const visible = "(memories.private = 0 OR ? = 1 OR memories.channel_key = ?)";

/** The values of {@linkcode visible}. */
function visibility({ includePrivate, channelKey }: MemoryView): [number, string | null] {
  return [Number(includePrivate), channelKey ?? null];
}

/** A phrase for FTS5, whose query would end at a NUL. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""').replaceAll("\0", " ")}"`;
}
