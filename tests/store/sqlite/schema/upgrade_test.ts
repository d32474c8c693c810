/** Migrations of older databases. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { migrate } from "../../../../src/store/sqlite/schema/migrations.ts";
import { SqliteFolder } from "../sqlite_folder.ts";

/** The last version that did not store the terms of memories. */
const beforeTerms = 10;

/** Creates a database of an older version. */
function createOldStore(
  folder: SqliteFolder,
  version: number,
  fill: (database: DatabaseSync) => void,
) {
  Deno.mkdirSync(folder.path);
  const database = new DatabaseSync(folder.database);
  database.exec("PRAGMA secure_delete = ON; PRAGMA journal_mode = WAL");
  migrate(database, { to: version });
  fill(database);
  database.close();
}

const view = { includePrivate: true, limit: 9 };

Deno.test("the migration to stored terms makes existing memories searchable", async () => {
  await using folder = new SqliteFolder();
  createOldStore(folder, beforeTerms, (database) => {
    const insert = database.prepare(
      `INSERT INTO memories (user_key, text, private, channel_key, created_at, source, kind)
       VALUES (?, ?, 0, 'channel-1', ?, 'turn', 'fact')`,
    );
    database.exec("BEGIN");
    // More than one batch.
    for (let number = 0; number < 2_500; number++) {
      insert.run(`test:user-${number % 2}`, `likes the Café number ${number}`, number);
    }
    database.exec("DELETE FROM memories WHERE text LIKE '%number 7'; COMMIT");
  });
  await using store = await folder.open();
  const { memories } = store;
  const texts = async (userKey: string, query: string) =>
    (await memories.search({ ...view, userKey, query })).map(({ text }) => text);
  assert.deepEqual(await texts("test:user-1", "2499"), ["likes the Café number 2499"]);
  assert.deepEqual(await texts("test:user-0", "2499"), []);
  assert.deepEqual(await texts("test:user-1", "7"), []);
  assert.equal((await texts("test:user-0", "cafes"))[0], "likes the Café number 2498");
  await memories.add({
    userKey: "test:user-1",
    text: "sells the café",
    private: false,
    channelKey: "channel-1",
    createdAt: 2_500,
  }, { cap: 9 });
  assert.equal((await texts("test:user-1", "selling"))[0], "sells the café");
  assert.equal(await memories.removeAll("test:user-1"), 1250);
  assert.deepEqual(await texts("test:user-1", "cafes"), []);
  assert.equal((await texts("test:user-0", "cafes")).length, 9);
});

Deno.test("a migration leaves no words of the dropped index in the file", async () => {
  await using folder = new SqliteFolder();
  createOldStore(folder, beforeTerms, (database) => {
    const insert = database.prepare(
      `INSERT INTO memories (user_key, text, private, channel_key, created_at)
       VALUES ('test:user-1', ?, 0, 'channel-1', 0)`,
    );
    for (let number = 0; number < 500; number++) insert.run(`plays the xylophon ${number}`);
  });
  {
    await using store = await folder.open();
    await store.forget.forget({ platform: "test", userId: "user-1" });
    await store.forget.scrub();
  }
  for (const { name } of Deno.readDirSync(folder.path)) {
    const bytes = Deno.readFileSync(`${folder.path}/${name}`);
    assert.ok(!new TextDecoder("latin1").decode(bytes).includes("xylophon"), name);
  }
});

Deno.test("a failed migration leaves the database unchanged", async () => {
  await using folder = new SqliteFolder();
  createOldStore(folder, beforeTerms, (database) => database.exec("DROP TRIGGER memories_removed"));
  await assert.rejects(folder.open(), /no such trigger/);
  const database = new DatabaseSync(folder.database);
  const version = { ...database.prepare("PRAGMA user_version").get() };
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'memor%'").all()
    .map(({ name }) => name);
  database.close();
  assert.deepEqual(version, { user_version: beforeTerms });
  assert.ok(names.includes("memories_added") && names.includes("memories_words"), String(names));
});
