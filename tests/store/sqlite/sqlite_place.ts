/** A folder for a SQLite store, for its tests. */

import { join } from "node:path";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import type { StoreLocation } from "../conformance/store.ts";

/** A data folder of a test's own. */
export class SqliteFolder implements StoreLocation {
  readonly #folder = new TempFolder("clara_store_");
  /** The data folder; made by the first `open`. */
  readonly path = join(this.#folder.path, "data");
  /** The database in it. */
  readonly database = join(this.path, "gateway.db");

  /** Opens the store. */
  open(): Promise<SqliteStore> {
    // A function of a promise, so that a refusal is a rejection.
    return Promise.resolve().then(() => SqliteStore.open(this.path));
  }

  /** Removes the folder. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder[Symbol.asyncDispose]();
  }
}
