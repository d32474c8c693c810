/** Searches a gateway's data folder for traces of a user. */

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Returns the tables, including internal ones of the full-text search, with one of the words in any
 * column.
 */
export function tablesWith(dataDir: string, words: readonly string[]): readonly string[] {
  const database = new DatabaseSync(join(dataDir, "gateway.db"), { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables.map(({ name }) => String(name)).filter((table) => {
      const rows = database.prepare(`SELECT * FROM "${table}"`).all();
      return rows.some((row) =>
        Object.values(row).some((value) => {
          const text = value instanceof Uint8Array
            ? new TextDecoder("latin1").decode(value)
            : String(value);
          return words.some((word) => text.toLowerCase().includes(word.toLowerCase()));
        })
      );
    });
  } finally {
    database.close();
  }
}

/** Returns the files, at any depth, with one of the words in their bytes or name. */
export function filesWith(folder: string, words: readonly string[]): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    if (isDirectory) return filesWith(path, words);
    const text = name + new TextDecoder("latin1").decode(Deno.readFileSync(path));
    const found = words.some((word) => text.toLowerCase().includes(word.toLowerCase()));
    return found ? [path] : [];
  });
}
