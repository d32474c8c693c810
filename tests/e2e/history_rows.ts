/** Reads history from a gateway's SQLite file, for crash tests. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Role and text of each line of history, oldest first. */
export function historyRows(dataDir: string): readonly (readonly [string, string])[] {
  const database = new DatabaseSync(join(dataDir, "gateway.db"), { readOnly: true });
  try {
    return database.prepare("SELECT role, content FROM history ORDER BY id").all()
      .map(({ role, content }) => [String(role), String(content)]);
  } finally {
    database.close();
  }
}
