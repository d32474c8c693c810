/** Sessions in SQLite. */

import type { Conversation } from "../../domain/keys.ts";
import type { Session, SessionQuery, SessionRecord, SessionStore } from "../session_store.ts";
import { blobText, type Row, type SqliteConnection } from "./connection.ts";
import type { HistoryCache } from "./history_cache.ts";

/** Columns for {@linkcode toSessionRecord}. */
const recordColumns = `sessions.*, CAST(summary AS BLOB) AS summary_text,
  (SELECT count(*) FROM history WHERE history.session_id = sessions.id) AS lines`;

/** Running sessions of a conversation. Names the index, because SQLite would otherwise scan ended sessions. */
export const runningSessions = `FROM sessions INDEXED BY sessions_running
  WHERE channel_key = ? AND thread_id = ? AND ended_at IS NULL`;

/** The table `sessions`. */
export class SqliteSessions implements SessionStore {
  readonly #sql: SqliteConnection;
  readonly #cache: HistoryCache;

  constructor(sql: SqliteConnection, { cache }: { readonly cache: HistoryCache }) {
    this.#sql = sql;
    this.#cache = cache;
  }

  async open(
    options: Parameters<SessionStore["open"]>[0],
  ): ReturnType<SessionStore["open"]> {
    const running = await this.#sql.read(() => this.#running(options));
    // Already touched: return it without waiting for a commit.
    if (running && running.activeAt >= Math.max(options.now, options.idleBefore)) {
      return { session: running, created: false };
    }
    return await this.#sql.write(() => this.#open(options));
  }

  #running(
    { conversation, userId }: { readonly conversation: Conversation; readonly userId: string },
  ): Session | undefined {
    const row = this.#sql.get(
      `SELECT * FROM sessions
       WHERE channel_key = ? AND thread_id = ? AND user_id = ? AND ended_at IS NULL`,
      conversation.channelKey,
      conversation.threadId,
      userId,
    );
    return row && toSession(row);
  }

  #open(options: Parameters<SessionStore["open"]>[0]): Awaited<ReturnType<SessionStore["open"]>> {
    const { conversation, now } = options;
    const last = this.#running(options);
    if (last && last.activeAt >= options.idleBefore) {
      const activeAt = Math.max(last.activeAt, now);
      this.#sql.run("UPDATE sessions SET active_at = ? WHERE id = ?", activeAt, last.id);
      return { session: { ...last, activeAt }, created: false };
    }
    this.#cache.drop(conversation);
    if (last) this.#sql.run("UPDATE sessions SET ended_at = ? WHERE id = ?", now, last.id);
    const created = this.#sql.get(
      `INSERT INTO sessions (id, node_id, platform, user_id, channel_key, channel_id, thread_id,
         started_at, active_at, after_line)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(id), 0) FROM history))
       RETURNING *`,
      options.id,
      options.nodeId,
      options.platform,
      options.userId,
      conversation.channelKey,
      options.channelId,
      conversation.threadId,
      now,
      now,
    );
    return { session: toSession(created!), created: true, ended: last };
  }

  endIdle(
    { idleBefore, now, limit }: {
      readonly idleBefore: number;
      readonly now: number;
      readonly limit: number;
    },
  ): Promise<readonly Session[]> {
    return this.#sql.write(() =>
      this.#sql.all(
        `UPDATE sessions SET ended_at = ? WHERE id IN (
           SELECT id FROM sessions WHERE ended_at IS NULL AND active_at < ? LIMIT ?
         ) RETURNING *`,
        now,
        idleBefore,
        limit,
      ).map((row) => this.#ended(row))
    );
  }

  end(
    { conversation, userId, now }: Parameters<SessionStore["end"]>[0],
  ): Promise<Session | undefined> {
    return this.#sql.write(() => {
      const row = this.#sql.get(
        `UPDATE sessions SET ended_at = ?
         WHERE channel_key = ? AND thread_id = ? AND user_id = ? AND ended_at IS NULL RETURNING *`,
        now,
        conversation.channelKey,
        conversation.threadId,
        userId,
      );
      return row && this.#ended(row);
    });
  }

  endById(
    { id, now }: { readonly id: string; readonly now: number },
  ): Promise<Session | undefined> {
    return this.#sql.write(() => {
      const row = this.#sql.get(
        "UPDATE sessions SET ended_at = ? WHERE id = ? AND ended_at IS NULL RETURNING *",
        now,
        id,
      );
      return row && this.#ended(row);
    });
  }

  list(
    { platform, userId, channelId, limit }: SessionQuery,
  ): Promise<readonly SessionRecord[]> {
    const filters = Object.entries({ platform, user_id: userId, channel_id: channelId })
      .filter((pair): pair is [string, string] => pair[1] !== undefined);
    const conditions = filters.map(([column]) => `${column} = ?`).join(" AND ");
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${recordColumns} FROM sessions ${conditions && `WHERE ${conditions}`}
         ORDER BY started_at DESC, rowid DESC LIMIT ?`,
        ...filters.map(([, value]) => value),
        limit,
      ).map(toSessionRecord)
    );
  }

  get(id: string): Promise<SessionRecord | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(`SELECT ${recordColumns} FROM sessions WHERE id = ?`, id);
      return row && toSessionRecord(row);
    });
  }

  nodeForChannel(channelKey: string): Promise<string | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        "SELECT node_id FROM sessions WHERE channel_key = ? ORDER BY started_at DESC LIMIT 1",
        channelKey,
      );
      return row?.node_id as string | undefined;
    });
  }

  #ended(row: Row): Session {
    const session = toSession(row);
    this.#cache.drop({ channelKey: session.channelKey, threadId: row.thread_id as string });
    return session;
  }
}

/** Converts a row of `sessions`. */
export function toSession(row: Row): Session {
  return {
    id: row.id as string,
    nodeId: row.node_id as string,
    platform: row.platform as string,
    userId: row.user_id as string,
    channelKey: row.channel_key as string,
    channelId: row.channel_id as string,
    threadId: row.thread_id as string,
    startedAt: row.started_at as number,
    activeAt: row.active_at as number,
  };
}

function toSessionRecord(row: Row): SessionRecord {
  return {
    ...toSession(row),
    endedAt: (row.ended_at ?? undefined) as number | undefined,
    lines: row.lines as number,
    summary: row.summary_text === null ? undefined : blobText(row.summary_text) || undefined,
  };
}
