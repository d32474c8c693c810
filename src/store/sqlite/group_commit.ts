/**
 * Commits all writes of an event loop iteration in one transaction, so that concurrent writers share one
 * disk flush.
 */

import type { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";

interface Pending {
  readonly write: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs writes in shared transactions, in the order of the calls. */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #assertWritable: () => void;
  #pending: Pending[] = [];

  /** @param assertWritable Called before each transaction; if it throws, the transaction is not begun. */
  constructor(database: DatabaseSync, assertWritable: () => void = () => {}) {
    this.#database = database;
    this.#assertWritable = assertWritable;
  }

  /**
   * Runs `write` in the next transaction and resolves with its result after the commit. If it throws, the
   * promise rejects and only this write is rolled back.
   */
  run<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ write, resolve: resolve as (value: unknown) => void, reject });
      if (this.#pending.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits pending writes now. */
  flush(): void {
    const group = this.#pending;
    if (group.length === 0) return;
    this.#pending = [];
    try {
      const results = this.#transaction(() => group.map(({ write }) => write()));
      group.forEach(({ resolve }, index) => resolve(results[index]));
    } catch (error) {
      if (group.length === 1) group[0]!.reject(error);
      else this.#commitSeparately(group);
    }
  }

  /** Retries a failed group with one transaction per write. */
  #commitSeparately(group: readonly Pending[]): void {
    for (const { write, resolve, reject } of group) {
      try {
        resolve(this.#transaction(write));
      } catch (error) {
        reject(error);
      }
    }
  }

  #transaction<T>(run: () => T): T {
    this.#assertWritable();
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = run();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      // The rollback fails if a full disk has already ended the transaction.
      try {
        this.#database.exec("ROLLBACK");
      } catch { /* Already rolled back. */ }
      throw error;
    }
  }
}
