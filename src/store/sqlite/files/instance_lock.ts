/**
 * Allows one gateway per data folder. Uses SQLite's exclusive lock on a small file. The operating system
 * releases it when the process ends, so it cannot become stale.
 */

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { StoreError } from "../../../domain/errors.ts";

/** Locks a data folder until disposed. */
export class InstanceLock implements Disposable {
  readonly #database: DatabaseSync;

  /** @throws {StoreError} if another gateway uses the folder, or it is not writable. */
  constructor(folder: string) {
    try {
      this.#database = new DatabaseSync(join(folder, "gateway.lock"));
    } catch (error) {
      throw new StoreError(`Cannot lock data folder "${folder}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    try {
      // Never committed: the write only checks that the folder is writable.
      this.#database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1");
    } catch (error) {
      this.#database.close();
      throw refusal(folder, error as Error);
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function refusal(folder: string, error: Error): StoreError {
  const own = "or give this one its own folder with --data-dir.";
  const why = /locked|busy/i.test(error.message)
    ? `Cannot use data folder "${folder}": another gateway is running on it. Stop that one first, ${own}`
    : /readonly/i.test(error.message)
    ? `Cannot use data folder "${folder}": it is read-only. Make it writable, ${own}`
    : `Cannot lock data folder "${folder}": ${error.message}`;
  return new StoreError(why, { cause: error });
}
