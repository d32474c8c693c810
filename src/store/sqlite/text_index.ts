/**
 * Full-text index of history. Lines are indexed in batches after their turns: indexing them in the commit
 * that the reply waits for would more than double its cost.
 */

import type { SqliteConnection } from "./connection.ts";

/** Lines to index in one transaction. */
const batchLines = 200;

/** The table `history_words`. */
export class TextIndex {
  readonly #sql: SqliteConnection;
  /** Approximate number of unindexed lines. */
  #pending = 0;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  /** Indexes a batch in the background once enough lines have been committed. */
  linesAdded(lines: number): void {
    this.#pending += lines;
    if (this.#pending < batchLines) return;
    this.#pending = 0;
    // After a failure, the next batch or search indexes these lines.
    this.#sql.write(() => this.#indexBatch()).catch(() => {});
  }

  /** Indexes all pending lines. */
  async catchUp(): Promise<void> {
    while (await this.#sql.read(() => this.#hasPending())) {
      await this.#sql.write(() => this.#indexBatch());
    }
  }

  /** Lines are indexed in order, so lines after the last indexed one are pending. */
  #hasPending(): boolean {
    return this.#sql.get(`SELECT 1 FROM history WHERE id > ${lastIndexed} LIMIT 1`) !== undefined;
  }

  #indexBatch(): void {
    this.#sql.run(
      `INSERT INTO history_words (rowid, content, channel_key)
       SELECT id, content, channel_key FROM history WHERE id > ${lastIndexed} ORDER BY id LIMIT ?`,
      batchLines,
    );
  }
}

/** Id of the last indexed line. FTS5 stores the length of each indexed line in this table. */
const lastIndexed = "(SELECT coalesce(max(id), 0) FROM history_words_docsize)";
