/** Deletion of users on SQLite. See forget_store.ts for what each method promises. */

import { platformKey } from "../../domain/keys.ts";
import type { ForgetStore, ForgottenRows, PlatformUser } from "../forget_store.ts";
import type { HistoryCache } from "./history_cache.ts";
import type { RequestKey } from "../../domain/request.ts";
import type { SqliteConnection } from "./connection.ts";

/** The indexes of words. */
const indexes = ["history_words"];
/** Pages of an index that are merged at a time: whoever writes meanwhile waits that long. */
const stepPages = 100;

/** The conversations that a user has or had sessions in. */
const conversations = `SELECT channel_key, thread_id FROM sessions
  WHERE platform = ? AND user_id = ?`;

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
      const forUser = (table: string) =>
        this.#delete(`FROM ${table} WHERE platform = ? AND user_id = ?`, platform, userId);
      const ofKey = (table: string) =>
        this.#delete(`FROM ${table} WHERE user_key = ?`, platformKey(platform, userId));
      // Summaries first, sessions last: they tell what belongs to whom.
      const summaries = this.#summaries({ platform, userId });
      const requests = forUser("requests");
      this.#cache.clear();
      const history = this.#delete(
        "FROM history WHERE session_id IN (SELECT id FROM sessions WHERE platform = ? AND user_id = ?)",
        platform,
        userId,
      );
      const sessions = forUser("sessions");
      const memories = ofKey("memories");
      const reminders = ofKey("reminders");
      const usage = ofKey("usage");
      const exchanges = ofKey("memory_outbox");
      this.#dropFrames(platform);
      this.#dropChannels(channels.map(({ channel_key }) => channel_key as string));
      return { requests, history, sessions, summaries, memories, reminders, usage, exchanges };
    });
  }

  async scrub(): Promise<void> {
    for (const index of indexes) {
      // The words of deleted rows stand in the index until its parts are merged: all that are there
      // now, says a negative number, and a positive one goes on with it.
      for (let pages = -stepPages; await this.#merge(index, pages);) pages = stepPages;
    }
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

  /**
   * All of a platform: which frames tell of the user nobody knows, others may quote. An adapter that
   * has seen them all is none the worse.
   */
  #dropFrames(platform: string): void {
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
   * A channel's own key may be a person's name. Where nothing is unfinished, nobody holds it, and its
   * fence may start anew.
   */
  #dropChannels(keys: readonly string[]): void {
    this.#sql.run(
      `DELETE FROM channels WHERE key IN (SELECT value FROM json_each(?))
         AND key NOT IN (SELECT channel_key FROM requests WHERE state <> 'done')`,
      JSON.stringify(keys),
    );
  }

  /** One step of an index's merge, in a transaction of its own; false when there is no more to do. */
  #merge(index: string, pages: number): Promise<boolean> {
    const changes = () => this.#sql.get("SELECT total_changes() AS count")!.count as number;
    return this.#sql.write(() => {
      const before = changes();
      this.#sql.run(`INSERT INTO ${index} (${index}, rank) VALUES ('merge', ?)`, pages);
      // One is the command itself.
      return changes() - before > 1;
    });
  }

  #delete(what: string, ...values: string[]): number {
    return this.#sql.run(`DELETE ${what}`, ...values).changes as number;
  }
}
