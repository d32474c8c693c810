/** The store in a SQLite database of the data folder. */

import { join } from "node:path";
import { fileExists } from "../../lib/files.ts";
import type { Store, StoreFigures } from "../store.ts";
import { type ConnectionOptions, SqliteConnection } from "./connection.ts";
import { assertNoInterruptedRestore } from "./files/replaced_store.ts";
import { SqliteForget } from "./forget.ts";
import { SqliteFrames } from "./frames.ts";
import { SqliteHistory } from "./history.ts";
import { HistoryCache } from "./history_cache.ts";
import { SqliteExchanges } from "./memories/exchanges.ts";
import { SqliteMemories } from "./memories/memories.ts";
import { SqliteVectors } from "./memories/vectors.ts";
import { SqliteReminders } from "./reminders.ts";
import { SqliteRequests } from "./requests.ts";
import { SqliteSessions } from "./sessions.ts";
import { SqliteSummaries } from "./summaries.ts";
import { SqliteRuns, SqliteTasks } from "./tasks.ts";
import { TextIndex } from "./text_index.ts";
import { SqliteUsage } from "./usage.ts";

/** Size of the history cache, characters. */
const historyCacheChars = 16 * 1024 * 1024;

/** The store's parts. Their interfaces document the guarantees. */
export class SqliteStore implements Store {
  readonly requests: SqliteRequests;
  readonly sessions: SqliteSessions;
  readonly history: SqliteHistory;
  readonly memories: SqliteMemories;
  readonly vectors: SqliteVectors;
  readonly exchanges: SqliteExchanges;
  readonly runs: SqliteRuns;
  readonly tasks: SqliteTasks;
  readonly reminders: SqliteReminders;
  readonly usage: SqliteUsage;
  readonly summaries: SqliteSummaries;
  readonly frames: SqliteFrames;
  readonly forget: SqliteForget;
  readonly #sql: SqliteConnection;

  /**
   * Opens the store of a folder. Creates both if they do not exist.
   *
   * @throws {StoreError} if another process uses the folder, it is not writable, or its store is
   * unreadable.
   */
  static open(folder: string, options: ConnectionOptions = {}): SqliteStore {
    return new SqliteStore(SqliteConnection.open(folder, options));
  }

  /**
   * Whether a folder contains a store.
   *
   * @throws {StoreError} if an interrupted restore left only the renamed old store.
   */
  static exists(folder: string): boolean {
    assertNoInterruptedRestore(folder);
    return fileExists(join(folder, "gateway.db"));
  }

  private constructor(sql: SqliteConnection) {
    this.#sql = sql;
    const cache = new HistoryCache({ maxChars: historyCacheChars });
    const index = new TextIndex(sql);
    this.requests = new SqliteRequests(sql, { cache, index });
    this.sessions = new SqliteSessions(sql, { cache });
    this.history = new SqliteHistory(sql, { cache, index });
    this.memories = new SqliteMemories(sql);
    this.vectors = new SqliteVectors(sql);
    this.exchanges = new SqliteExchanges(sql);
    this.runs = new SqliteRuns(sql);
    this.tasks = new SqliteTasks(sql);
    this.reminders = new SqliteReminders(sql);
    this.usage = new SqliteUsage(sql);
    this.summaries = new SqliteSummaries(sql);
    this.frames = new SqliteFrames(sql);
    this.forget = new SqliteForget(sql, { cache });
  }

  figures(): Promise<StoreFigures> {
    return this.#sql.read(() => {
      this.#sql.assertPresent();
      const row = this.#sql.get(
        `SELECT
           (SELECT count(*) FROM requests WHERE state <> 'done' AND state = 'queued') AS queued,
           (SELECT count(*) FROM requests WHERE state <> 'done' AND state = 'running') AS running,
           -- Names the index, or SQLite would scan all requests.
           (SELECT count(*) FROM requests INDEXED BY requests_undelivered
            WHERE state = 'done' AND delivered_at IS NULL) AS undelivered`,
      )!;
      return {
        kind: "sqlite",
        queued: row.queued as number,
        running: row.running as number,
        undelivered: row.undelivered as number,
      };
    });
  }

  async probe(): Promise<void> {
    await this.#sql.write(() => this.#sql.get("SELECT 1"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sql[Symbol.dispose]();
    return Promise.resolve();
  }
}
