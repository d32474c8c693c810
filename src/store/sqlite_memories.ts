/** Facts of users on SQLite. See memory_store.ts for what each method promises. */

import type { Lesson, Memory, MemoryStore, MemoryView, NewMemory } from "./memory_store.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";
import { toMemory } from "./sqlite_rows.ts";

/** A fact that is this much older than the user's newest one counts half, milliseconds. */
export const halfWeightAgeMs = 180 * 86_400_000;
/** Words of a query that are looked for: a message may be a book. */
const maxWords = 40;
/** Matches, the best ones, that are weighed by their age and looked at for who may see them. */
const maxMatches = 500;

/** Words that would match nearly everything, and cost the more the more there is. */
const commonWords = new Set(
  ("a about all am an and any are as at be but by can did do does for from had has have he her his " +
    "how i if in is it its me my of on or our she so that the their them they this to was we " +
    "were what when where which who why will with would you your").split(" "),
);

/** The tables `memories` and `memories_words`; `learn` takes from `memory_outbox`. */
export class SqliteMemories implements MemoryStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  add(
    fact: NewMemory,
    { cap }: { readonly cap: number },
  ): Promise<{ readonly memory: Memory; readonly created: boolean }> {
    return this.#sql.write(() => this.#add(fact, cap));
  }

  search(
    { query, limit, ...view }: MemoryView & { readonly query: string; readonly limit: number },
  ): Promise<readonly Memory[]> {
    return this.#sql.read(() => {
      // Each word in quotes: what a person types is never FTS5's query language.
      const words = wordsOf(query).map(quoted).join(" OR ");
      if (!words) return [];
      const match = `owner : ${quoted(hex(view.userKey))} AND text : (${words})`;
      return this.#sql.all(
        // The owner is in the index only to narrow the search; the comparison decides.
        `SELECT memories.* FROM (
           SELECT rowid AS id, bm25(memories_words, 0, 1) AS score FROM memories_words
           WHERE memories_words MATCH ? ORDER BY score LIMIT ${maxMatches}
         ) JOIN memories USING (id) WHERE memories.user_key = ? AND ${visible}
         ORDER BY score / (1 + (
           (SELECT max(created_at) FROM memories WHERE user_key = ?) - memories.created_at
         ) / CAST(? AS REAL)), memories.id DESC LIMIT ?`,
        match,
        view.userKey,
        ...visibility(view),
        view.userKey,
        halfWeightAgeMs,
        limit,
      ).map(toMemory);
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
        `SELECT * FROM memories WHERE user_key = ? AND ${visible} AND kind = coalesce(?, kind)
         ORDER BY id DESC LIMIT ?`,
        view.userKey,
        ...visibility(view),
        kind ?? null,
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
    { seq, userKey, add, drop }: Lesson,
    { cap }: { readonly cap: number },
  ): Promise<boolean> {
    return this.#sql.write(() => {
      const waits = this.#sql.run("DELETE FROM memory_outbox WHERE seq = ?", seq).changes > 0;
      if (!waits) return false;
      for (const id of drop) {
        this.#sql.run(
          "DELETE FROM memories WHERE user_key = ? AND id = ? AND source = 'turn'",
          userKey,
          id,
        );
      }
      for (const fact of add) this.#add(fact, cap);
      return true;
    });
  }

  #add(fact: NewMemory, cap: number): { readonly memory: Memory; readonly created: boolean } {
    const { userKey, text, source = "tool", kind = "fact" } = fact;
    const known = this.#sql.get(
      `UPDATE memories SET private = min(private, ?), source = iif(? = 'tool', 'tool', source)
       WHERE user_key = ? AND text = ? RETURNING *`,
      Number(fact.private),
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
      Number(fact.private),
      fact.channelKey,
      fact.createdAt,
      source,
      kind,
    )!;
    this.#sql.run(
      `DELETE FROM memories WHERE id IN (
         SELECT id FROM memories WHERE user_key = ? AND source = ? ORDER BY id DESC LIMIT -1 OFFSET ?
       )`,
      userKey,
      source,
      cap,
    );
    return { memory: toMemory(created), created: true };
  }
}

/** A condition on `memories`: what a view may see. */
export const visible = "(memories.private = 0 OR ? = 1 OR memories.channel_key = ?)";

/** The values of {@linkcode visible}. */
export function visibility({ includePrivate, channelKey }: MemoryView): [number, string | null] {
  return [Number(includePrivate), channelKey ?? null];
}

/** The words to look for; the commonest ones only where there are no others. */
function wordsOf(query: string): readonly string[] {
  const all = [...new Set(query.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu))];
  const telling = all.filter((word) => !commonWords.has(word));
  return (telling.length > 0 ? telling : all).slice(0, maxWords);
}

/** The column `owner`: a user's key as one word. */
function hex(userKey: string): string {
  return [...new TextEncoder().encode(userKey)]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A phrase for FTS5, whose query would end at a NUL. */
function quoted(text: string): string {
  return `"${text.replaceAll('"', '""').replaceAll("\0", " ")}"`;
}
