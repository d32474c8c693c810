/** How hooks and tasks went, from the store of a gateway that does not run. */

import { join } from "node:path";
import { runView } from "../admin/run_view.ts";
import { type Flags, readConfig } from "../config.ts";
import type { RunKind } from "../store/run_store.ts";
import { SqliteStore } from "../store/sqlite_store.ts";
import type { AdminAnswer } from "./admin_client.ts";

/** The newest runs first; none where there is no store. */
export async function storedRuns(
  flags: Flags,
  { kind, name }: { readonly kind: RunKind; readonly name?: string },
): Promise<AdminAnswer> {
  const { dataDir } = readConfig(flags);
  try {
    Deno.statSync(join(dataDir, "gateway.db"));
  } catch (error) {
    // Looking must not make a store.
    if (error instanceof Deno.errors.NotFound) return { results: [] };
    throw error;
  }
  await using store = SqliteStore.open(dataDir);
  return { results: (await store.runs.recent({ kind, name, limit: 20 })).map(runView) };
}
