import { join } from "node:path";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import type { StoreLocation } from "../conformance/store.ts";

/** A temporary data folder for a SQLite store. */
export class SqliteFolder implements StoreLocation {
  readonly #folder = new TempFolder("clara_store_");
  /** The data folder. Created by the first `open`. */
  readonly path = join(this.#folder.path, "data");
  /** Path of the database. */
  readonly database = join(this.path, "gateway.db");

  /** Opens the store. */
  open(): Promise<SqliteStore> {
    // In a callback, so that an error becomes a rejection.
    return Promise.resolve().then(() => SqliteStore.open(this.path));
  }

  /** Removes the folder. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder[Symbol.asyncDispose]();
  }
}
