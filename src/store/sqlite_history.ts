/** History on SQLite. See history_store.ts for what each method promises. */

import type { SqliteConnection } from "./sqlite_connection.ts";
import { toHistoryEntry } from "./sqlite_rows.ts";
import type { Conversation, HistoryEntry, HistoryStore } from "./history_store.ts";

/**
 * The text as bytes, so many at most: as text the driver would cut it at a NUL. A part of no bytes is
 * NULL to SQLite, though it is a text.
 */
const columns = `history.id, history.session_id, history.role,
  coalesce(substr(CAST(history.content AS BLOB), 1, ?), x'') AS text,
  history.user_id, history.user_name, history.partial, history.at`;

/** Bytes of a line that a search or a page gives back. */
const foundBytes = 20_000;

/** Lines of a conversation's running sessions; older than the oldest of them there is nothing. */
const ofRunning = `history.channel_key = ? AND history.thread_id = ?
  AND sessions.ended_at IS NULL AND history.id > max(?, (
    SELECT min(after_line) FROM sessions
    WHERE channel_key = ? AND thread_id = ? AND ended_at IS NULL))`;

/** The values of {@linkcode ofRunning}. */
function valuesOfRunning({ channelKey, threadId }: Conversation, after: number) {
  return [channelKey, threadId, after, channelKey, threadId] as const;
}

/** The tables `history` and `history_words`, for reading. */
export class SqliteHistory implements HistoryStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  recent(
    options: Parameters<HistoryStore["recent"]>[0],
  ): Promise<readonly HistoryEntry[]> {
    const { conversation, after = 0, limit, maxBytes = Infinity } = options;
    const { lineBytes = Infinity } = options;
    return this.#sql.read(() => {
      // First the sizes alone, which stand in the rows' heads: a huge line must not be read for nothing.
      const sizes = this.#sql.all(
        `SELECT history.id, octet_length(history.content) AS size
         FROM history JOIN sessions ON sessions.id = history.session_id
         WHERE ${ofRunning} ORDER BY history.id DESC LIMIT ?`,
        ...valuesOfRunning(conversation, after),
        limit,
      );
      let left = maxBytes;
      const fitting = sizes.findIndex(({ size }) =>
        (left -= Math.min(size as number, lineBytes)) < 0
      );
      const wanted = fitting < 0 ? sizes : sizes.slice(0, fitting);
      return wanted.toReversed().map(({ id }) =>
        toHistoryEntry(
          this.#sql.get(
            `SELECT ${columns} FROM history WHERE id = ?`,
            Math.min(lineBytes, Number.MAX_SAFE_INTEGER),
            id as number,
          )!,
        )
      );
    });
  }

  oldest(
    { conversation, after, limit, lineBytes }: Parameters<HistoryStore["oldest"]>[0],
  ): Promise<readonly HistoryEntry[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM history JOIN sessions ON sessions.id = history.session_id
         WHERE ${ofRunning} ORDER BY history.id LIMIT ?`,
        lineBytes,
        ...valuesOfRunning(conversation, after),
        limit,
      ).map(toHistoryEntry)
    );
  }

  ofSession(
    { sessionId, after, limit, lineBytes }: Parameters<HistoryStore["ofSession"]>[0],
  ): Promise<readonly HistoryEntry[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM history WHERE session_id = ? AND id > ? ORDER BY id LIMIT ?`,
        lineBytes ?? Number.MAX_SAFE_INTEGER,
        sessionId,
        after,
        limit,
      ).map(toHistoryEntry)
    );
  }

  search(
    { channelKey, query, limit }: {
      readonly channelKey: string;
      readonly query: string;
      readonly limit: number;
    },
  ): Promise<readonly HistoryEntry[]> {
    return this.#sql.read(() => {
      // Each word in quotes: what a person types is never FTS5's query language.
      const words = query.match(/[\p{L}\p{N}_]+/gu)?.map((word) => `"${word}"`).join(" ");
      if (!words) return [];
      return this.#sql.all(
        `SELECT ${columns} FROM history_words JOIN history ON history.id = history_words.rowid
         WHERE history_words MATCH ? AND history.channel_key = ?
         ORDER BY history_words.rowid DESC LIMIT ?`,
        foundBytes,
        // The channel is in the index, too: what other channels said costs nothing.
        `content : (${words}) AND channel_key : "${channelKey.replaceAll('"', '""')}"`,
        channelKey,
        limit,
      ).map(toHistoryEntry);
    });
  }

  page(
    { channelKey, before = Number.MAX_SAFE_INTEGER, limit }: {
      readonly channelKey: string;
      readonly before?: number;
      readonly limit: number;
    },
  ): Promise<readonly HistoryEntry[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM history WHERE channel_key = ? AND id < ? ORDER BY id DESC LIMIT ?`,
        foundBytes,
        channelKey,
        before,
        limit,
      ).map(toHistoryEntry)
    );
  }
}
