/** Deletion of users on SQLite. See forget_store.ts for what each method promises. */

import { platformKey } from "../protocol/platform_key.ts";
import type { ForgetStore, ForgottenRows, PlatformUser } from "./forget_store.ts";
import type { QueuedRequest } from "./request_store.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";
import { toQueuedRequest } from "./sqlite_rows.ts";

/** The conversations that a user has or had sessions in. */
const conversations = `SELECT channel_key, thread_id FROM sessions
  WHERE platform = ? AND user_id = ?`;

export class SqliteForget implements ForgetStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  unfinished({ platform, userId }: PlatformUser): Promise<readonly QueuedRequest[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT seq, node_id, request_id, channel_key, priority FROM requests
         WHERE platform = ? AND user_id = ? AND state <> 'done' ORDER BY seq`,
        platform,
        userId,
      ).map(toQueuedRequest)
    );
  }

  forget(
    { platform, userId }: PlatformUser,
    { unfinishedToo = false }: { readonly unfinishedToo?: boolean } = {},
  ): Promise<ForgottenRows | undefined> {
    return this.#sql.write(() => {
      const busy = !unfinishedToo && this.#sql.get(
        "SELECT 1 FROM requests WHERE platform = ? AND user_id = ? AND state <> 'done'",
        platform,
        userId,
      );
      if (busy) return undefined;
      const channels = this.#sql.all(
        `SELECT DISTINCT channel_key FROM requests WHERE platform = ? AND user_id = ?
         UNION SELECT channel_key FROM sessions WHERE platform = ? AND user_id = ?`,
        platform,
        userId,
        platform,
        userId,
      );
      const ofUser = (table: string) =>
        this.#delete(`FROM ${table} WHERE platform = ? AND user_id = ?`, platform, userId);
      const ofKey = (table: string) =>
        this.#delete(`FROM ${table} WHERE user_key = ?`, platformKey(platform, userId));
      // Summaries first, sessions last: they tell what belongs to whom.
      const summaries = this.#summaries({ platform, userId });
      const requests = ofUser("requests");
      const history = this.#delete(
        "FROM history WHERE session_id IN (SELECT id FROM sessions WHERE platform = ? AND user_id = ?)",
        platform,
        userId,
      );
      const sessions = ofUser("sessions");
      const memories = ofKey("memories");
      const reminders = ofKey("reminders");
      const usage = ofKey("usage");
      const exchanges = ofKey("memory_outbox");
      for (const { channel_key } of channels) this.#dropEmptyChannel(channel_key as string);
      return { requests, history, sessions, summaries, memories, reminders, usage, exchanges };
    });
  }

  async scrub(): Promise<void> {
    await this.#sql.write(() => {
      // The words of deleted rows stand in the index until its parts are merged.
      this.#sql.run("INSERT INTO history_words (history_words) VALUES ('optimize')");
    });
    await this.#sql.read(() => this.#sql.all("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  /** Those of other people's sessions in the same place may tell of the user, too. */
  #summaries({ platform, userId }: PlatformUser): number {
    const rolling = this.#delete(
      `FROM summaries WHERE (channel_key, thread_id) IN (${conversations})`,
      platform,
      userId,
    );
    const ofSessions = this.#sql.run(
      `UPDATE sessions SET summary = '' WHERE ended_at IS NOT NULL
         AND coalesce(summary, ' ') <> '' AND (channel_key, thread_id) IN (${conversations})`,
      platform,
      userId,
    );
    return rolling + (ofSessions.changes as number);
  }

  /** A channel's own key may be a person's name. Its fence starts anew: nobody holds it. */
  #dropEmptyChannel(key: string): void {
    this.#sql.run(
      `DELETE FROM channels WHERE key = ?
         AND NOT EXISTS (SELECT 1 FROM requests WHERE channel_key = channels.key)
         AND NOT EXISTS (SELECT 1 FROM sessions WHERE channel_key = channels.key)`,
      key,
    );
  }

  #delete(what: string, ...values: string[]): number {
    return this.#sql.run(`DELETE ${what}`, ...values).changes as number;
  }
}
