/** Deletes users from SQLite. */

import { platformKey } from "../../domain/keys.ts";
import type { RequestKey } from "../../domain/request.ts";
import type { ForgetStore, ForgottenRows, PlatformUser } from "../forget_store.ts";
import type { SqliteConnection } from "./connection.ts";
import type { HistoryCache } from "./history_cache.ts";

/** Index pages to merge per transaction. Other writes have to wait for it. */
const mergePages = 100;

/** Conversations in which the user has or had a session. */
const conversations = `SELECT channel_key, thread_id FROM sessions
  WHERE platform = ? AND user_id = ?`;

/** Deletes a user's rows from all tables. */
export class SqliteForget implements ForgetStore {
  readonly #sql: SqliteConnection;
  readonly #cache: HistoryCache;

  constructor(sql: SqliteConnection, { cache }: { readonly cache: HistoryCache }) {
    this.#sql = sql;
    this.#cache = cache;
  }

  unfinished({ platform, userId }: PlatformUser): Promise<readonly RequestKey[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT node_id, request_id FROM requests
         WHERE platform = ? AND user_id = ? AND state <> 'done' ORDER BY seq`,
        platform,
        userId,
      ).map((row) => ({ nodeId: row.node_id as string, requestId: row.request_id as string }))
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
      const deleteByUser = (table: string) =>
        this.#delete(`FROM ${table} WHERE platform = ? AND user_id = ?`, platform, userId);
      const deleteByKey = (table: string) =>
        this.#delete(`FROM ${table} WHERE user_key = ?`, platformKey(platform, userId));
      // Before the sessions, which identify the user's summaries and history.
      const summaries = this.#deleteSummaries({ platform, userId });
      const requests = deleteByUser("requests");
      this.#cache.clear();
      const history = this.#delete(
        "FROM history WHERE session_id IN (SELECT id FROM sessions WHERE platform = ? AND user_id = ?)",
        platform,
        userId,
      );
      const sessions = deleteByUser("sessions");
      const memories = deleteByKey("memories");
      const reminders = deleteByKey("reminders");
      const usage = deleteByKey("usage");
      const exchanges = deleteByKey("memory_outbox");
      this.#deleteFrames(platform);
      this.#deleteChannels(channels.map(({ channel_key }) => channel_key as string));
      return { requests, history, sessions, summaries, memories, reminders, usage, exchanges };
    });
  }

  async scrub(): Promise<void> {
    // Words of deleted lines remain in the index until its segments are merged. A negative number starts
    // a merge of all segments; positive ones continue it.
    for (let pages = -mergePages; await this.#mergeIndex(pages);) pages = mergePages;
    await this.#sql.read(() => this.#sql.all("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  /** Deletes other users' summaries in the same conversations too: they may mention the user. */
  #deleteSummaries({ platform, userId }: PlatformUser): number {
    const rolling = this.#delete(
      `FROM summaries WHERE (channel_key, thread_id) IN (${conversations})`,
      platform,
      userId,
    );
    const perSession = this.#sql.run(
      `UPDATE sessions SET summary = '' WHERE ended_at IS NOT NULL
         AND coalesce(summary, ' ') <> '' AND (channel_key, thread_id) IN (${conversations})`,
      platform,
      userId,
    );
    return rolling + (perSession.changes as number);
  }

  /** Deletes all frames of the platform, because any of them may quote the user. */
  #deleteFrames(platform: string): void {
    this.#sql.run(
      "UPDATE adapter_sessions SET before_seq = last_seq WHERE platform = ?",
      platform,
    );
    this.#delete(
      "FROM adapter_frames WHERE session_id IN (SELECT session_id FROM adapter_sessions WHERE platform = ?)",
      platform,
    );
  }

  /**
   * Deletes channels, because a channel key may contain a user's name. A channel without unfinished requests
   * has no valid claims, so its fence can restart.
   */
  #deleteChannels(keys: readonly string[]): void {
    this.#sql.run(
      `DELETE FROM channels WHERE key IN (SELECT value FROM json_each(?))
         AND key NOT IN (SELECT channel_key FROM requests WHERE state <> 'done')`,
      JSON.stringify(keys),
    );
  }

  /** Merges some pages of the index in one transaction. Returns false when nothing is left to merge. */
  #mergeIndex(pages: number): Promise<boolean> {
    const changes = () => this.#sql.get("SELECT total_changes() AS count")!.count as number;
    return this.#sql.write(() => {
      const before = changes();
      this.#sql.run("INSERT INTO history_words (history_words, rank) VALUES ('merge', ?)", pages);
      // The command itself counts as one change.
      return changes() - before > 1;
    });
  }

  #delete(what: string, ...values: string[]): number {
    return this.#sql.run(`DELETE ${what}`, ...values).changes as number;
  }
}
