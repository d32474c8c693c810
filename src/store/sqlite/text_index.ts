/**
 * The index of the words of history, for its search. Lines come into it in groups, behind the turns that
 * said them: one by one, and each in the commit that its reply waits for, they would cost more than the
 * rest of that commit. Used by the SQLite history and requests.
 */

import type { SqliteConnection } from "./connection.ts";

/** Lines that come into the index in one transaction. */
const groupLines = 200;

export class TextIndex {
  readonly #sql: SqliteConnection;
  /** Lines that were added since the last group, about. */
  #waiting = 0;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  /** So many lines were committed: where they make a group, they are taken in behind. */
  added(lines: number): void {
    this.#waiting += lines;
    if (this.#waiting < groupLines) return;
    this.#waiting = 0;
    // Where it fails, the next group or the next search takes them in, too.
    this.#sql.write(() => this.#takeIn()).catch(() => {});
  }

  /** Takes in what waits. */
  async catchUp(): Promise<void> {
    while (await this.#sql.read(() => this.#waits())) {
      await this.#sql.write(() => this.#takeIn());
    }
  }

  /** The index holds all lines up to its last one: what comes after that waits. */
  #waits(): boolean {
    return this.#sql.get(`SELECT 1 FROM history WHERE id > ${lastTaken} LIMIT 1`) !== undefined;
  }

  #takeIn(): void {
    this.#sql.run(
      `INSERT INTO history_words (rowid, content, channel_key)
       SELECT id, content, channel_key FROM history WHERE id > ${lastTaken} ORDER BY id LIMIT ?`,
      groupLines,
    );
  }
}

/** The last line that is in the index, by the table in which FTS5 keeps the length of each. */
const lastTaken = "(SELECT coalesce(max(id), 0) FROM history_words_docsize)";
