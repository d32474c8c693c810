/** The migration that makes the terms of the memories there are: SQL alone cannot take texts apart. */

import type { DatabaseSync } from "node:sqlite";
import { type ListedMemory, termList } from "../memories/term_list.ts";

/** Memories that are read at once. */
const partRows = 1_000;

const tables = `
  DROP TRIGGER memories_added;
  DROP TRIGGER memories_removed;
  DROP TABLE memories_words;
  ALTER TABLE memories DROP COLUMN owner;

  CREATE INDEX memories_of_kind ON memories (user_key, kind, id);
  CREATE INDEX memories_of_source ON memories (user_key, source, id);

  -- In the order of users: those of others are not read.
  CREATE TABLE memory_terms (
    user_key TEXT NOT NULL,
    memory_id INTEGER NOT NULL,
    -- As term_list.ts has it.
    terms BLOB NOT NULL,
    PRIMARY KEY (user_key, memory_id)
  ) STRICT, WITHOUT ROWID;
  -- Not by reference, which would need an index of its own.
  CREATE TRIGGER memories_removed AFTER DELETE ON memories BEGIN
    DELETE FROM memory_terms WHERE user_key = old.user_key AND memory_id = old.id;
  END;
`;

/** Replaces the index of words, which is one for all users, by terms beside each memory. */
export function keepTermsOfMemories(database: DatabaseSync): void {
  database.exec(tables);
  const select = database.prepare(
    `SELECT id, user_key AS userKey, text, created_at AS createdAt FROM memories
     WHERE id > ? ORDER BY id LIMIT ${partRows}`,
  );
  const insert = database.prepare(
    "INSERT INTO memory_terms (user_key, memory_id, terms) VALUES (?, ?, ?)",
  );
  type Row = ListedMemory & { readonly userKey: string };
  for (let last = 0, rows: Row[];; last = rows.at(-1)!.id) {
    rows = select.all(last) as unknown as Row[];
    for (const row of rows) insert.run(row.userKey, row.id, termList(row));
    if (rows.length < partRows) return;
  }
}
