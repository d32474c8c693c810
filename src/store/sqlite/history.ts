/**
 * History on SQLite. See history_store.ts for what each method promises. `finish` of the requests adds
 * to it.
 */

import type { HistoryCache } from "./history_cache.ts";
import type { SqliteConnection } from "./connection.ts";
import { toHistoryEntry } from "./rows.ts";
import { runningSessions } from "./sessions.ts";
import type { TextIndex } from "./text_index.ts";
import type { Conversation } from "../../domain/keys.ts";
import type { HistoryEntry, HistoryStore, NewHistoryEntry } from "../history_store.ts";

/**
 * The text as bytes, so many at most: as text the driver would cut it at a NUL. A part of no bytes is
 * NULL to SQLite, though it is a text.
 */
const columns = `history.id, history.session_id, history.role,
  coalesce(substr(CAST(history.content AS BLOB), 1, ?), x'') AS text,
  history.user_id, history.user_name, history.partial, history.at`;

/** Bytes of a line that a search or a page gives back. */
const foundBytes = 20_000;

/** How many lines are looked through, for each that is wanted, for those of running sessions. */
const linesLookedAt = 5;

/** A conversation's lines after a line, and none older than its running sessions. */
const sinceRunning = `channel_key = ? AND thread_id = ?
  AND id > max(?, (SELECT min(after_line) ${runningSessions}))`;

/** A condition on such lines: of a session that runs. */
const ofRunning = `session_id IN (SELECT id ${runningSessions})`;

/** The values of {@linkcode sinceRunning}. */
function sinceValues({ channelKey, threadId }: Conversation, after: number) {
  return [channelKey, threadId, after, channelKey, threadId] as const;
}

/** The tables `history` and `history_words`, for reading. */
export class SqliteHistory implements HistoryStore {
  readonly #sql: SqliteConnection;
  readonly #cache: HistoryCache;
  readonly #words: TextIndex;

  constructor(
    sql: SqliteConnection,
    { cache, words }: { readonly cache: HistoryCache; readonly words: TextIndex },
  ) {
    this.#sql = sql;
    this.#cache = cache;
    this.#words = words;
  }

  recent(
    options: Parameters<HistoryStore["recent"]>[0],
  ): Promise<readonly HistoryEntry[]> {
    const { conversation, after = 0, limit, maxBytes = Infinity, lineBytes = Infinity } = options;
    const wanted = { after, limit, maxBytes, lineBytes };
    const known = this.#cache.get(conversation, wanted);
    if (known) return Promise.resolve(known);
    return this.#sql.read(() => {
      const newest = this.#newestSizes(conversation, after, limit);
      let left = maxBytes;
      const end = newest.findIndex(({ size }) => (left -= Math.min(size, lineBytes)) < 0);
      const fitting = (end < 0 ? newest : newest.slice(0, end)).reverse();
      const whole = this.#whole(
        fitting.filter(({ size }) => size <= lineBytes).map(({ id }) => id),
      );
      const lines = fitting.map(({ id }) => whole.get(id) ?? this.#beginning(id, lineBytes));
      this.#cache.set(conversation, wanted, lines);
      return lines;
    });
  }

  /**
   * The numbers and sizes of a conversation's newest lines, the newest first. Both stand in the index: a
   * huge line is not read for nothing. JSON, since a row for each line would cost more than all the rest.
   */
  #newestSizes(conversation: Conversation, after: number, limit: number) {
    const { channelKey, threadId } = conversation;
    const { ids, sizes } = this.#sql.get(
      `SELECT json_group_array(id) AS ids, json_group_array(size) AS sizes FROM (
         SELECT id, size FROM (
           SELECT id, session_id, octet_length(content) AS size FROM history
           WHERE ${sinceRunning} ORDER BY id DESC LIMIT ?)
         WHERE ${ofRunning} LIMIT ?)`,
      ...sinceValues(conversation, after),
      limit * linesLookedAt,
      channelKey,
      threadId,
      limit,
    )!;
    const sizeOf: readonly number[] = JSON.parse(sizes as string);
    return (JSON.parse(ids as string) as readonly number[])
      .map((id, index) => ({ id, size: sizeOf[index]! }))
      .sort((a, b) => b.id - a.id);
  }

  /** Whole lines by their numbers, read at once. */
  #whole(ids: readonly number[]): ReadonlyMap<number, HistoryEntry> {
    if (ids.length === 0) return new Map();
    const { found } = this.#sql.get(
      `SELECT json_group_array(json_array(
         id, session_id, role, content, user_id, user_name, partial, at)) AS found
       FROM history WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ids),
    )!;
    const lines = (JSON.parse(found as string) as LineValues[]).map(lineOf);
    return new Map(lines.map((line) => [line.id, line]));
  }

  #beginning(id: number, bytes: number): HistoryEntry {
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
        ...sinceValues(conversation, after),
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
    // Where the disk takes nothing, what it has is found all the same.
    await this.#words.catchUp().catch(() => {});
    return await this.#sql.read(() => {
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

/** Adds a line within a transaction; gives it as it will be read. */
export function addLine(
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

/** What `#whole` reads of a line. */
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

function lineOf(values: LineValues): HistoryEntry {
  const [id, sessionId, role, content, userId, userName, partial, at] = values;
  const name = userName ?? undefined;
  return { id, sessionId, role, content, userId, userName: name, partial: partial === 1, at };
}
