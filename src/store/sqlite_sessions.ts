/** Sessions on SQLite. See session_store.ts for what each method promises. */

import type { SqliteConnection } from "./sqlite_connection.ts";
import { toSession } from "./sqlite_rows.ts";
import type { Session, SessionStore } from "./session_store.ts";

/** The table `sessions`. */
export class SqliteSessions implements SessionStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  open(
    options: Parameters<SessionStore["open"]>[0],
  ): ReturnType<SessionStore["open"]> {
    const { conversation, now } = options;
    return this.#sql.write(() => {
      const row = this.#sql.get(
        `SELECT * FROM sessions
         WHERE channel_key = ? AND thread_id = ? AND user_id = ? AND ended_at IS NULL`,
        conversation.channelKey,
        conversation.threadId,
        options.userId,
      );
      const last = row && toSession(row);
      if (last && last.activeAt >= options.idleBefore) {
        this.#sql.run(
          "UPDATE sessions SET active_at = max(active_at, ?) WHERE id = ?",
          now,
          last.id,
        );
        return { session: { ...last, activeAt: Math.max(last.activeAt, now) }, created: false };
      }
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
    });
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
      ).map(toSession)
    );
  }

  nodeOf(channelKey: string): Promise<string | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        "SELECT node_id FROM sessions WHERE channel_key = ? ORDER BY started_at DESC LIMIT 1",
        channelKey,
      );
      return row?.node_id as string | undefined;
    });
  }
}
