/** History on SQLite. See history_store.ts for what each method promises. */

import type { SqliteConnection } from "./sqlite_connection.ts";
import { toHistoryEntry } from "./sqlite_rows.ts";
import type { Conversation, HistoryEntry, HistoryStore } from "./history_store.ts";

/** The text as bytes: the driver would cut it at a NUL. */
const columns =
  `history.id, history.session_id, history.role, CAST(history.content AS BLOB) AS text,
  history.user_id, history.user_name, history.partial, history.at`;

/** The tables `history` and `history_words`, for reading. */
export class SqliteHistory implements HistoryStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  recent(
    { conversation, limit }: {
      readonly conversation: Conversation;
      readonly limit: number;
    },
  ): Promise<readonly HistoryEntry[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        // Older than the oldest session that runs there is nothing to look for.
        `SELECT * FROM (
           SELECT ${columns} FROM history JOIN sessions ON sessions.id = history.session_id
           WHERE history.channel_key = ? AND history.thread_id = ? AND sessions.ended_at IS NULL
             AND history.id > (
               SELECT min(after_line) FROM sessions
               WHERE channel_key = ? AND thread_id = ? AND ended_at IS NULL)
           ORDER BY history.id DESC LIMIT ?
         ) ORDER BY id`,
        conversation.channelKey,
        conversation.threadId,
        conversation.channelKey,
        conversation.threadId,
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
         ORDER BY history.id DESC LIMIT ?`,
        words,
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
        channelKey,
        before,
        limit,
      ).map(toHistoryEntry)
    );
  }
}
