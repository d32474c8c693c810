/** Checks the store's file, read-only, also while a gateway uses it. Called by `doctor`. */

import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { assertKnownVersion } from "../../store/sqlite/schema/migrate.ts";
import { type CheckContext, error, type Finding, ok } from "./check.ts";

/** Mistakes of the file that are told. */
const maxMistakes = 5;

export function checkStore({ daemon: { dataDir } }: CheckContext): readonly Finding[] {
  const path = join(dataDir, "gateway.db");
  let bytes: number;
  try {
    ({ size: bytes } = Deno.statSync(path));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return ok("there is none yet");
    throw thrown;
  }
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      assertKnownVersion(database, path);
      const rows = database.prepare(`PRAGMA integrity_check(${maxMistakes})`).all();
      const found = rows.map((row) => String(row.integrity_check));
      if (found.length === 1 && found[0] === "ok") {
        return ok(`${path}: ${(bytes / 1024 / 1024).toFixed(1)} MiB, in order`);
      }
      return error(`"${path}" is damaged: ${found.join("; ")}. Restore a backup.`);
    } finally {
      database.close();
    }
  } catch (thrown) {
    return error(`Cannot read store "${path}": ${(thrown as Error).message}`);
  }
}
