/** The tables, as a list of forward migrations, which `migrate.ts` runs. */

import type { DatabaseSync } from "node:sqlite";
import { firstMigrations } from "./first_schema.ts";
import { keepTermsOfMemories } from "./memory_terms_migration.ts";

/** SQL, or a function where SQL is not enough; each is run in a transaction of its own. */
export type Migration = string | ((database: DatabaseSync) => void);

/** Migration n takes a database from version n to n + 1. Never change one that was released. */
export const migrations: readonly Migration[] = [
  ...firstMigrations,
  `
  -- Which lines a turn is shown is decided in the index alone.
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
    -- Frames up to this number are not kept.
    before_seq INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- Each row has the frames that were written at the same time, the last of them with this number.
  CREATE TABLE adapter_frames (
    session_id TEXT NOT NULL REFERENCES adapter_sessions (session_id) ON DELETE CASCADE,
    last_seq INTEGER NOT NULL,
    frames TEXT NOT NULL,
    PRIMARY KEY (session_id, last_seq)
  ) STRICT;
  `,
  `
  -- When one is tried again that could not be put into its channel at its time.
  ALTER TABLE reminders ADD COLUMN put_off_to INTEGER;
  DROP INDEX reminders_due;
  CREATE INDEX reminders_due ON reminders (coalesce(put_off_to, due_at));
  `,
  keepTermsOfMemories,
  `
  -- Facts that wait for a vector of the model in use. It is looked for them after each exchange, and
  -- mostly there are none: that must not cost a look at all facts.
  CREATE TABLE memory_unembedded (
    memory_id INTEGER PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE
  ) STRICT;
  CREATE TRIGGER memories_unembedded AFTER INSERT ON memories BEGIN
    INSERT INTO memory_unembedded (memory_id) VALUES (new.id);
  END;
  `,
  `
  -- Lines come into the index of words behind the turns that said them; one may go before it has come.
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
  -- Only those that have one: without a model no session ever gets a summary.
  DROP INDEX sessions_summed;
  CREATE INDEX sessions_summed ON sessions (channel_key, thread_id, user_id, ended_at)
    WHERE summary <> '';
  `,
  `
  -- The model that wrote a round, and the fields that its provider wants back (JSON).
  ALTER TABLE tool_rounds ADD COLUMN origin TEXT;
  `,
];
