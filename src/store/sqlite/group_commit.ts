/**
 * One transaction for all writes that arrive in one turn of the event loop: a commit waits for the
 * disk, so twenty channels that write at once wait for it once. The SQLite store runs every write
 * through it.
 */

import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";

interface Pending {
  readonly write: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs writes in shared transactions, in the order in which they were given. */
export class GroupCommit {
  readonly #database: DatabaseSync;
  #pending: Pending[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Runs `write` in the next transaction; resolves with what it returned once that is committed.
   * A write that throws is rolled back alone: the others of its group are committed without it.
   */
  run<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ write, resolve: resolve as (value: unknown) => void, reject });
      if (this.#pending.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits what waits, now. */
  flush(): void {
    const group = this.#pending;
    if (group.length === 0) return;
    this.#pending = [];
    try {
      const results = this.#transaction(() => group.map(({ write }) => write()));
      group.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      if (group.length === 1) group[0]!.reject(error);
      else this.#oneByOne(group);
    }
  }

  /** After a group failed: each write in a transaction of its own, so that one cannot harm another. */
  #oneByOne(group: readonly Pending[]): void {
    for (const { write, resolve, reject } of group) {
      try {
        resolve(this.#transaction(write));
      } catch (error) {
        reject(error);
      }
    }
  }

  #transaction<T>(run: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = run();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      // A full disk may have ended the transaction already; then there is nothing to roll back.
      try {
        this.#database.exec("ROLLBACK");
      } catch { /* as said */ }
      throw error;
    }
  }
}
