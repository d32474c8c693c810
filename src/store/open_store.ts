/** Opens the store of a data folder. The only place that chooses an implementation. */

import type { SyncMode } from "../config/gateway_config.ts";
import { SqliteStore } from "./sqlite/store.ts";
import type { Store } from "./store.ts";

/** Options of {@linkcode openStore}. */
export interface StoreOptions {
  readonly dataDir: string;
  /** When a commit counts as durable. Default: `full`. */
  readonly sync?: SyncMode;
}

/**
 * Opens a store. Creates the folder and the store if they do not exist.
 *
 * @throws {StoreError} if another gateway uses the folder, it is not writable, or its store is unreadable.
 */
export async function openStore({ dataDir, sync }: StoreOptions): Promise<Store> {
  return await SqliteStore.open(dataDir, { sync });
}

/**
 * Opens a store without creating one. Returns `undefined` if there is none.
 *
 * @throws {StoreError} as {@linkcode openStore} does.
 */
export async function openExistingStore(options: StoreOptions): Promise<Store | undefined> {
  return SqliteStore.exists(options.dataDir) ? await openStore(options) : undefined;
}
