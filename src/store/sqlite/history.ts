/** History in SQLite. */

import type { Conversation } from "../../domain/keys.ts";
import type { HistoryEntry, HistoryStore, NewHistoryEntry } from "../history_store.ts";
import { blobText, type Row, type SqliteConnection } from "./connection.ts";
import type { HistoryCache } from "./history_cache.ts";
import { runningSessions } from "./sessions.ts";
import type { TextIndex } from "./text_index.ts";

/**
 * Columns for {@linkcode toHistoryEntry}. The parameter is the maximum size of the text. `coalesce`, because
 * `substr` returns NULL for an empty blob.
 */
const columns = `history.id, history.session_id, history.role,
  coalesce(substr(CAST(history.content AS BLOB), 1, ?), x'') AS text,
  history.user_id, history.user_name, history.partial, history.at`;

/** Maximum size of a line returned by a search or a page, bytes. */
const maxFoundBytes = 20_000;

/** Lines scanned for each requested line, to find those of running sessions. */
const scanFactor = 5;

/** Condition: lines of a conversation after a line and after the start of its oldest running session. */
const sinceRunning = `channel_key = ? AND thread_id = ?
  AND id > max(?, (SELECT min(after_line) ${runningSessions}))`;

/** Condition: lines of running sessions. */
const ofRunning = `session_id IN (SELECT id ${runningSessions})`;

/** Parameters of {@linkcode sinceRunning}. */
function sinceParameters({ channelKey, threadId }: Conversation, after: number) {
  return [channelKey, threadId, after, channelKey, threadId] as const;
}

/** Reads the tables `history` and `history_words`. */
export class SqliteHistory implements HistoryStore {
  readonly #sql: SqliteConnection;
  readonly #cache: HistoryCache;
  readonly #index: TextIndex;

  constructor(
    sql: SqliteConnection,
    { cache, index }: { readonly cache: HistoryCache; readonly index: TextIndex },
  ) {
    this.#sql = sql;
    this.#cache = cache;
    this.#index = index;
  }

  recent(
    options: Parameters<HistoryStore["recent"]>[0],
  ): Promise<readonly HistoryEntry[]> {
    const { conversation, after = 0, limit, maxBytes = Infinity, lineBytes = Infinity } = options;
    const wanted = { after, limit, maxBytes, lineBytes };
    const cached = this.#cache.get(conversation, wanted);
    if (cached) return Promise.resolve(cached);
    return this.#sql.read(() => {
      const newest = this.#newestSizes(conversation, after, limit);
      let left = maxBytes;
      const end = newest.findIndex(({ size }) => (left -= Math.min(size, lineBytes)) < 0);
      const fitting = (end < 0 ? newest : newest.slice(0, end)).reverse();
      const whole = this.#readWhole(
        fitting.filter(({ size }) => size <= lineBytes).map(({ id }) => id),
      );
      const lines = fitting.map(({ id }) => whole.get(id) ?? this.#readStart(id, lineBytes));
      this.#cache.set(conversation, wanted, lines);
      return lines;
    });
  }

  /**
   * Returns ids and sizes of a conversation's latest lines, newest first. The index contains both, so text
   * is read only if it fits. One JSON row is much faster than a row per line.
   */
  #newestSizes(conversation: Conversation, after: number, limit: number) {
    const { channelKey, threadId } = conversation;
    const { ids, sizes } = this.#sql.get(
      `SELECT json_group_array(id) AS ids, json_group_array(size) AS sizes FROM (
         SELECT id, size FROM (
           SELECT id, session_id, octet_length(content) AS size FROM history
           WHERE ${sinceRunning} ORDER BY id DESC LIMIT ?)
         WHERE ${ofRunning} LIMIT ?)`,
      ...sinceParameters(conversation, after),
      limit * scanFactor,
      channelKey,
      threadId,
      limit,
    )!;
    const sizeOf: readonly number[] = JSON.parse(sizes as string);
    return (JSON.parse(ids as string) as readonly number[])
      .map((id, index) => ({ id, size: sizeOf[index]! }))
      .sort((a, b) => b.id - a.id);
  }

  /** Reads complete lines by id, in one row. */
  #readWhole(ids: readonly number[]): ReadonlyMap<number, HistoryEntry> {
    if (ids.length === 0) return new Map();
    const { found } = this.#sql.get(
      `SELECT json_group_array(json_array(
         id, session_id, role, content, user_id, user_name, partial, at)) AS found
       FROM history WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ids),
    )!;
    const lines = (JSON.parse(found as string) as LineValues[]).map(toLine);
    return new Map(lines.map((line) => [line.id, line]));
  }

  #readStart(id: number, bytes: number): HistoryEntry {
    return toHistoryEntry(this.#sql.get(`SELECT ${columns} FROM history WHERE id = ?`, bytes, id)!);
  }

  oldest(
    { conversation, after, limit, lineBytes }: Parameters<HistoryStore["oldest"]>[0],
  ): Promise<readonly HistoryEntry[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM history WHERE ${sinceRunning} AND ${ofRunning}
         ORDER BY id LIMIT ?`,
        lineBytes,
        ...sinceParameters(conversation, after),
        conversation.channelKey,
        conversation.threadId,
        limit,
      ).map(toHistoryEntry)
    );
  }

  forSession(
    { sessionId, after, limit, lineBytes }: Parameters<HistoryStore["forSession"]>[0],
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

  async search(
    { channelKey, query, limit }: {
      readonly channelKey: string;
      readonly query: string;
      readonly limit: number;
    },
  ): Promise<readonly HistoryEntry[]> {
    // If writes fail, search what is indexed.
    await this.#index.catchUp().catch(() => {});
    return await this.#sql.read(() => {
      // Quoted, so that no word is parsed as FTS5 syntax.
      const words = query.match(/[\p{L}\p{N}_]+/gu)?.map((word) => `"${word}"`).join(" ");
      if (!words) return [];
      return this.#sql.all(
        `SELECT ${columns} FROM history_words JOIN history ON history.id = history_words.rowid
         WHERE history_words MATCH ? AND history.channel_key = ?
         ORDER BY history_words.rowid DESC LIMIT ?`,
        maxFoundBytes,
        // The channel is indexed too, so that matches in other channels cost nothing.
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
        maxFoundBytes,
        channelKey,
        before,
        limit,
      ).map(toHistoryEntry)
    );
  }
}

/** Adds a line, inside a transaction. Returns it as a read would. */
export function insertLine(
  sql: SqliteConnection,
  entry: NewHistoryEntry,
  { sessionId, conversation, seq }: {
    readonly sessionId: string;
    readonly conversation: Conversation;
    readonly seq: number;
  },
): HistoryEntry {
  const content = entry.content.toWellFormed();
  const id = sql.run(
    `INSERT INTO history (session_id, channel_key, thread_id, request_seq, role, content,
       user_id, user_name, partial, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    sessionId,
    conversation.channelKey,
    conversation.threadId,
    seq,
    entry.role,
    content,
    entry.userId,
    entry.userName ?? null,
    entry.partial ? 1 : 0,
    entry.at,
  ).lastInsertRowid as number;
  return { ...entry, content, id, sessionId };
}

/** Columns of `#readWhole`. */
type LineValues = readonly [
  id: number,
  sessionId: string,
  role: "user" | "assistant",
  content: string,
  userId: string,
  userName: string | null,
  partial: number,
  at: number,
];

function toLine(values: LineValues): HistoryEntry {
  const [id, sessionId, role, content, userId, userName, partial, at] = values;
  const name = userName ?? undefined;
  return { id, sessionId, role, content, userId, userName: name, partial: partial === 1, at };
}

function toHistoryEntry(row: Row): HistoryEntry {
  return {
    id: row.id as number,
    sessionId: row.session_id as string,
    role: row.role as "user" | "assistant",
    content: blobText(row.text),
    userId: row.user_id as string,
    userName: (row.user_name ?? undefined) as string | undefined,
    partial: row.partial === 1,
    at: row.at as number,
  };
}
