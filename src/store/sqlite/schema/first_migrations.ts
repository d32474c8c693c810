/** The first migrations. `migrations.ts` continues the list. */

/** SQL, each run in its own transaction. Never change one that was released. */
export const firstMigrations: readonly string[] = [
  `
  CREATE TABLE channels (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    fence INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE requests (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    dialect TEXT NOT NULL,
    platform TEXT NOT NULL,
    channel_key TEXT NOT NULL,
    priority TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done')),
    message TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence INTEGER,
    accepted_at INTEGER NOT NULL,
    finished_at INTEGER,
    outcome TEXT,
    delivered_at INTEGER,
    UNIQUE (node_id, request_id)
  ) STRICT;
  CREATE INDEX requests_unfinished ON requests (seq) WHERE state <> 'done';
  CREATE INDEX requests_undelivered ON requests (node_id, seq)
    WHERE state = 'done' AND delivered_at IS NULL;
  CREATE INDEX requests_finished ON requests (finished_at) WHERE state = 'done';

  CREATE TABLE tool_rounds (
    request_seq INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
    round INTEGER NOT NULL,
    text TEXT NOT NULL,
    calls TEXT NOT NULL,
    PRIMARY KEY (request_seq, round)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE tool_results (
    request_seq INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
    round INTEGER NOT NULL,
    position INTEGER NOT NULL,
    result TEXT NOT NULL,
    PRIMARY KEY (request_seq, round, position)
  ) STRICT;

  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    user_id TEXT NOT NULL,
    channel_key TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    ended_at INTEGER,
    -- The newest line of history when it started.
    after_line INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX sessions_running ON sessions (channel_key, thread_id, user_id)
    WHERE ended_at IS NULL;
  CREATE INDEX sessions_idle ON sessions (active_at) WHERE ended_at IS NULL;

  CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    channel_key TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    request_seq INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    content TEXT NOT NULL,
    user_id TEXT NOT NULL,
    user_name TEXT,
    partial INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX history_conversation ON history (channel_key, thread_id, id);
  CREATE VIRTUAL TABLE history_words USING fts5 (
    content, channel_key, content = 'history', content_rowid = 'id'
  );
  CREATE TRIGGER history_added AFTER INSERT ON history BEGIN
    INSERT INTO history_words (rowid, content, channel_key)
    VALUES (new.id, new.content, new.channel_key);
  END;
  CREATE TRIGGER history_removed AFTER DELETE ON history BEGIN
    INSERT INTO history_words (history_words, rowid, content, channel_key)
    VALUES ('delete', old.id, old.content, old.channel_key);
  END;
  `,
  `
  CREATE INDEX history_channel ON history (channel_key, id);

  CREATE TABLE memories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_key TEXT NOT NULL,
    text TEXT NOT NULL,
    private INTEGER NOT NULL CHECK (private IN (0, 1)),
    channel_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (user_key, text)
  ) STRICT;
  CREATE INDEX memories_of_user ON memories (user_key, id);
  CREATE VIRTUAL TABLE memories_words USING fts5 (
    user_key, text, content = 'memories', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
  );
  CREATE TRIGGER memories_added AFTER INSERT ON memories BEGIN
    INSERT INTO memories_words (rowid, user_key, text) VALUES (new.id, new.user_key, new.text);
  END;
  CREATE TRIGGER memories_removed AFTER DELETE ON memories BEGIN
    INSERT INTO memories_words (memories_words, rowid, user_key, text)
    VALUES ('delete', old.id, old.user_key, old.text);
  END;
  `,
  `
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('hook', 'task')),
    name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    -- NULL while it runs.
    duration_ms INTEGER,
    exit_code INTEGER,
    output TEXT,
    error TEXT
  ) STRICT;
  CREATE INDEX runs_of_name ON runs (kind, name, id);
  CREATE INDEX runs_unfinished ON runs (id) WHERE duration_ms IS NULL;

  CREATE TABLE tasks (
    name TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    anchor_at INTEGER NOT NULL,
    cursor_at INTEGER,
    last_run_at INTEGER,
    run_count INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE reminders (
    id TEXT PRIMARY KEY,
    user_key TEXT NOT NULL,
    node_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    user TEXT NOT NULL,
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX reminders_due ON reminders (due_at);
  CREATE INDEX reminders_of_user ON reminders (user_key);

  CREATE INDEX sessions_of_channel ON sessions (channel_key, started_at);
  `,
  `
  CREATE TABLE absorbed (
    request_seq INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
    round INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    message TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    PRIMARY KEY (request_seq, seq)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE usage (
    user_key TEXT NOT NULL,
    day TEXT NOT NULL,
    channel_key TEXT NOT NULL,
    model TEXT NOT NULL,
    purpose TEXT NOT NULL,
    estimated INTEGER NOT NULL CHECK (estimated IN (0, 1)),
    requests INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nanos INTEGER NOT NULL,
    PRIMARY KEY (user_key, day, channel_key, model, purpose, estimated)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX usage_of_day ON usage (day);
  `,
  `
  -- Added by a tool, or by the gateway after a turn.
  ALTER TABLE memories ADD COLUMN source TEXT NOT NULL DEFAULT 'tool'
    CHECK (source IN ('tool', 'turn'));
  -- A fact, or an exchange word for word.
  ALTER TABLE memories ADD COLUMN kind TEXT NOT NULL DEFAULT 'fact'
    CHECK (kind IN ('fact', 'exchange'));
  -- The user's key as one word, because searching for a phrase is slow.
  ALTER TABLE memories ADD COLUMN owner TEXT GENERATED ALWAYS AS (hex(user_key)) VIRTUAL;
  DROP TRIGGER memories_added;
  DROP TRIGGER memories_removed;
  DROP TABLE memories_words;
  CREATE VIRTUAL TABLE memories_words USING fts5 (
    owner, text, content = 'memories', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
  );
  CREATE TRIGGER memories_added AFTER INSERT ON memories BEGIN
    INSERT INTO memories_words (rowid, owner, text) VALUES (new.id, new.owner, new.text);
  END;
  CREATE TRIGGER memories_removed AFTER DELETE ON memories BEGIN
    INSERT INTO memories_words (memories_words, rowid, owner, text)
    VALUES ('delete', old.id, old.owner, old.text);
  END;
  INSERT INTO memories_words (memories_words) VALUES ('rebuild');

  CREATE INDEX memories_by_age ON memories (user_key, created_at);

  -- Normalized; 32-bit floats, little-endian.
  CREATE TABLE memory_vectors (
    memory_id INTEGER PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE,
    vector BLOB NOT NULL
  ) STRICT;
  -- The sign of each float as a bit, to choose candidates. A separate table, because all are read.
  CREATE TABLE memory_signs (
    memory_id INTEGER PRIMARY KEY REFERENCES memories (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    signs BLOB NOT NULL
  ) STRICT;

  -- No reference to the request, which may be deleted before its exchange is processed.
  CREATE TABLE memory_outbox (
    seq INTEGER PRIMARY KEY,
    user_key TEXT NOT NULL,
    exchange TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX memory_outbox_of_user ON memory_outbox (user_key);
  CREATE INDEX memory_outbox_next ON memory_outbox (attempts, seq);
  `,
  `
  CREATE TABLE summaries (
    channel_key TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    text TEXT NOT NULL,
    -- The newest line of history it covers.
    covers_to INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (channel_key, thread_id)
  ) STRICT, WITHOUT ROWID;

  -- Of an ended session. NULL until it is made, empty if there is nothing to summarize.
  ALTER TABLE sessions ADD COLUMN summary TEXT;
  UPDATE sessions SET summary = '' WHERE ended_at IS NOT NULL;
  CREATE INDEX sessions_unsummed ON sessions (ended_at)
    WHERE ended_at IS NOT NULL AND summary IS NULL;
  CREATE INDEX sessions_of_user ON sessions (platform, user_id, started_at);
  CREATE INDEX sessions_started ON sessions (started_at);
  CREATE INDEX sessions_summed ON sessions (channel_key, thread_id, user_id, ended_at);
  CREATE INDEX history_session ON history (session_id, id);

  ALTER TABLE requests ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
  UPDATE requests SET user_id = message ->> '$.user.id' WHERE message IS NOT NULL;
  UPDATE requests SET user_id = lines.user_id
    FROM (SELECT request_seq, user_id FROM history GROUP BY request_seq) AS lines
    WHERE requests.seq = lines.request_seq AND requests.message IS NULL;
  CREATE INDEX requests_of_user ON requests (platform, user_id);
  `,
];
