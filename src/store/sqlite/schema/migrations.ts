/**
 * The schema as a list of migrations. `user_version` is the number of migrations applied. A database from a
 * newer version is rejected and left unchanged.
 */

import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../../domain/errors.ts";
import { type ListedMemory, termList } from "../memories/term_list.ts";
import { firstMigrations } from "./first_migrations.ts";

/** SQL, or a function if SQL is not enough. Each runs in its own transaction. */
type Migration = string | ((database: DatabaseSync) => void);

/** Migration n takes a database from version n to n + 1. Never change one that was released. */
const migrations: readonly Migration[] = [
  ...firstMigrations,
  `
  -- A covering index to select the lines for a turn.
  DROP INDEX history_conversation;
  CREATE INDEX history_conversation
    ON history (channel_key, thread_id, id, session_id, octet_length(content));
  `,
  `
  CREATE TABLE adapter_sessions (
    session_id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    -- Frames up to this number are deleted.
    before_seq INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- A row has the frames that were saved together, the last of them with this number.
  CREATE TABLE adapter_frames (
    session_id TEXT NOT NULL REFERENCES adapter_sessions (session_id) ON DELETE CASCADE,
    last_seq INTEGER NOT NULL,
    frames TEXT NOT NULL,
    PRIMARY KEY (session_id, last_seq)
  ) STRICT;
  `,
  `
  -- When delivery is retried, if it failed at the due time.
  ALTER TABLE reminders ADD COLUMN put_off_to INTEGER;
  DROP INDEX reminders_due;
  CREATE INDEX reminders_due ON reminders (coalesce(put_off_to, due_at));
  `,
  addMemoryTerms,
  `
  -- Memories without a vector of the current model, so that finding them after every exchange needs no scan.
  CREATE TABLE memory_unembedded (
    memory_id INTEGER PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE
  ) STRICT;
  CREATE TRIGGER memories_unembedded AFTER INSERT ON memories BEGIN
    INSERT INTO memory_unembedded (memory_id) VALUES (new.id);
  END;
  `,
  `
  -- Lines are indexed after their turns, so a line may be deleted before it is indexed.
  DROP TRIGGER history_added;
  DROP TRIGGER history_removed;
  CREATE TRIGGER history_removed AFTER DELETE ON history
    WHEN EXISTS (SELECT 1 FROM history_words_docsize WHERE id = old.id)
  BEGIN
    INSERT INTO history_words (history_words, rowid, content, channel_key)
    VALUES ('delete', old.id, old.content, old.channel_key);
  END;
  `,
  `
  -- Only sessions with a summary: without a model, none gets one.
  DROP INDEX sessions_summed;
  CREATE INDEX sessions_summed ON sessions (channel_key, thread_id, user_id, ended_at)
    WHERE summary <> '';
  `,
  `
  -- The model that wrote the round, and fields to send back to its provider (JSON).
  ALTER TABLE tool_rounds ADD COLUMN origin TEXT;
  `,
];

/** @throws {StoreError} if the database is from a newer version. */
export function assertKnownVersion(database: DatabaseSync, path: string): void {
  const found = versionOf(database);
  if (found <= migrations.length) return;
  throw new StoreError(
    `Cannot open store "${path}": its version is ${found}, this program knows up to ` +
      `${migrations.length}. Use the newer program that wrote it, or another data folder.`,
  );
}

/** Migrates a database to the current version. Tests may stop at an older one. */
export function migrate(database: DatabaseSync, { to = migrations.length } = {}): void {
  for (let version = versionOf(database); version < to; version++) {
    const migration = migrations[version]!;
    database.exec("BEGIN IMMEDIATE");
    try {
      if (typeof migration === "string") database.exec(migration);
      else migration(database);
      database.exec(`PRAGMA user_version = ${version + 1}; COMMIT`);
    } catch (error) {
      // The rollback fails if a full disk has already ended the transaction.
      try {
        database.exec("ROLLBACK");
      } catch { /* Already rolled back. */ }
      throw error;
    }
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()!.user_version);
}

/** Memories to read per batch. */
const batchRows = 1_000;

const memoryTermsSchema = `
  DROP TRIGGER memories_added;
  DROP TRIGGER memories_removed;
  DROP TABLE memories_words;
  ALTER TABLE memories DROP COLUMN owner;

  CREATE INDEX memories_of_kind ON memories (user_key, kind, id);
  CREATE INDEX memories_of_source ON memories (user_key, source, id);

  -- Ordered by user, so that a search reads only its user's rows.
  CREATE TABLE memory_terms (
    user_key TEXT NOT NULL,
    memory_id INTEGER NOT NULL,
    -- Format: term_list.ts.
    terms BLOB NOT NULL,
    PRIMARY KEY (user_key, memory_id)
  ) STRICT, WITHOUT ROWID;
  -- A trigger, because a foreign key would need another index.
  CREATE TRIGGER memories_removed AFTER DELETE ON memories BEGIN
    DELETE FROM memory_terms WHERE user_key = old.user_key AND memory_id = old.id;
  END;
`;

/** Replaces the full-text index of all users with a term list for each memory. */
function addMemoryTerms(database: DatabaseSync): void {
  database.exec(memoryTermsSchema);
  const select = database.prepare(
    `SELECT id, user_key AS userKey, text, created_at AS createdAt FROM memories
     WHERE id > ? ORDER BY id LIMIT ${batchRows}`,
  );
  const insert = database.prepare(
    "INSERT INTO memory_terms (user_key, memory_id, terms) VALUES (?, ?, ?)",
  );
  type Row = ListedMemory & { readonly userKey: string };
  for (let last = 0, rows: Row[];; last = rows.at(-1)!.id) {
    rows = select.all(last) as unknown as Row[];
    for (const row of rows) insert.run(row.userKey, row.id, termList(row));
    if (rows.length < batchRows) return;
  }
}
