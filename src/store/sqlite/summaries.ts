/** Summaries in SQLite. */

import type { Conversation } from "../../domain/keys.ts";
import type { Session } from "../session_store.ts";
import type { RollingSummary, SessionSummary, SummaryStore } from "../summary_store.ts";
import { blobText, type Row, type SqliteConnection } from "./connection.ts";
import { runningSessions, toSession } from "./sessions.ts";

/** The table `summaries` and the column `sessions.summary`. */
export class SqliteSummaries implements SummaryStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  rolling({ channelKey, threadId }: Conversation): Promise<RollingSummary | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        `SELECT CAST(text AS BLOB) AS text, covers_to, updated_at FROM summaries
         WHERE channel_key = ? AND thread_id = ? AND covers_to > (
           SELECT min(after_line) ${runningSessions})`,
        channelKey,
        threadId,
        channelKey,
        threadId,
      );
      return row && toRollingSummary(row);
    });
  }

  lastSession(
    { conversation, userId }: { readonly conversation: Conversation; readonly userId: string },
  ): Promise<SessionSummary | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        `SELECT CAST(summary AS BLOB) AS text, ended_at FROM sessions
         WHERE channel_key = ? AND thread_id = ? AND user_id = ? AND summary <> ''
         ORDER BY ended_at DESC, rowid DESC LIMIT 1`,
        conversation.channelKey,
        conversation.threadId,
        userId,
      );
      return row && { text: blobText(row.text), endedAt: row.ended_at as number };
    });
  }

  saveRolling(
    { conversation, text, from, lines, now }: Parameters<SummaryStore["saveRolling"]>[0],
  ): Promise<boolean> {
    const { channelKey, threadId } = conversation;
    return this.#sql.write(() => {
      const found = this.#sql.get(
        "SELECT covers_to FROM summaries WHERE channel_key = ? AND thread_id = ?",
        channelKey,
        threadId,
      );
      // `from` 0 allows replacing the summary once all sessions it covers have ended.
      if (from > 0 && found?.covers_to !== from) return false;
      if (from === 0 && found && this.#isNeeded({ channelKey, threadId })) return false;
      if (!this.#allExist(lines)) return false;
      this.#sql.run(
        `INSERT INTO summaries (channel_key, thread_id, text, covers_to, updated_at)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
           text = excluded.text, covers_to = excluded.covers_to, updated_at = excluded.updated_at`,
        channelKey,
        threadId,
        text,
        Math.max(...lines),
        now,
      );
      return true;
    });
  }

  unsummarized({ limit }: { readonly limit: number }): Promise<readonly Session[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT * FROM sessions WHERE ended_at IS NOT NULL AND summary IS NULL
         ORDER BY ended_at LIMIT ?`,
        limit,
      ).map(toSession)
    );
  }

  isUnsummarized(sessionId: string): Promise<boolean> {
    return this.#sql.read(() =>
      this.#sql.get(
        "SELECT 1 FROM sessions WHERE id = ? AND ended_at IS NOT NULL AND summary IS NULL",
        sessionId,
      ) !== undefined
    );
  }

  rollingForSession(sessionId: string): Promise<RollingSummary | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(
        `SELECT CAST(text AS BLOB) AS text, covers_to, updated_at FROM summaries
         JOIN sessions USING (channel_key, thread_id)
         WHERE sessions.id = ? AND covers_to > after_line`,
        sessionId,
      );
      return row && toRollingSummary(row);
    });
  }

  giveUp({ endedBefore }: { readonly endedBefore: number }): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run(
        `UPDATE sessions SET summary = ''
         WHERE ended_at IS NOT NULL AND summary IS NULL AND ended_at < ?`,
        endedBefore,
      );
    });
  }

  saveSession(
    { sessionId, text, lines }: Parameters<SummaryStore["saveSession"]>[0],
  ): Promise<boolean> {
    return this.#sql.write(() => {
      if (!this.#allExist(lines)) return false;
      return this.#sql.run(
        "UPDATE sessions SET summary = ? WHERE id = ? AND ended_at IS NOT NULL AND summary IS NULL",
        text,
        sessionId,
      ).changes === 1;
    });
  }

  /** Whether an ended session still needs the rolling summary to build its own. */
  #isNeeded({ channelKey, threadId }: Conversation): boolean {
    return this.#sql.get(
      `SELECT 1 FROM sessions JOIN summaries USING (channel_key, thread_id)
       WHERE channel_key = ? AND thread_id = ? AND ended_at IS NOT NULL AND summary IS NULL
         AND after_line < covers_to LIMIT 1`,
      channelKey,
      threadId,
    ) !== undefined;
  }

  #allExist(lines: readonly number[]): boolean {
    const row = this.#sql.get(
      `SELECT count(*) AS count FROM json_each(?) JOIN history ON history.id = json_each.value`,
      JSON.stringify(lines),
    );
    return row?.count === lines.length;
  }
}

function toRollingSummary(row: Row): RollingSummary {
  return {
    text: blobText(row.text),
    coversTo: row.covers_to as number,
    updatedAt: row.updated_at as number,
  };
}
