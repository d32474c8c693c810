/** The store of a gateway that does not run. Commands look into it. */

import { join } from "node:path";
import { assertNoInterruptedRestore } from "../../store/sqlite/files/replaced_store.ts";
import { SqliteStore } from "../../store/sqlite/store.ts";

/**
 * Opens the store of a data folder; undefined where there is none: looking must not make one.
 *
 * @throws {StoreError} where it cannot be opened, or a restore was cut off.
 */
export function openExisting(dataDir: string): SqliteStore | undefined {
  assertNoInterruptedRestore(dataDir);
  try {
    Deno.statSync(join(dataDir, "gateway.db"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return SqliteStore.open(dataDir);
}
