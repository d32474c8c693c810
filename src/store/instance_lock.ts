/**
 * One gateway per data folder. The lock is SQLite's own exclusive lock on a small file, which the
 * operating system drops when the process ends, however it ends: a stale lock cannot exist.
 */

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { StoreError } from "../errors.ts";

/** Holds a data folder until it is disposed of. */
export class InstanceLock implements Disposable {
  readonly #database: DatabaseSync;

  /** @throws {StoreError} when another gateway holds the folder, or it cannot be written. */
  constructor(folder: string) {
    try {
      this.#database = new DatabaseSync(join(folder, "gateway.lock"));
    } catch (error) {
      throw new StoreError(`Cannot lock data folder "${folder}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    try {
      this.#database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    } catch (error) {
      this.#database.close();
      const busy = /locked|busy/i.test((error as Error).message);
      throw new StoreError(
        busy
          ? `Cannot use data folder "${folder}": another gateway is running on it. ` +
            "Stop that one first, or give this one its own folder with --data-dir."
          : `Cannot lock data folder "${folder}": ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
