import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { StoreError } from "../../../src/domain/errors.ts";
import { migrate } from "../../../src/store/sqlite/schema/migrations.ts";
import { adapterSession } from "../conformance/frames.ts";
import { accepted, finished, request } from "../conformance/samples.ts";
import { SqliteFolder } from "./sqlite_folder.ts";
import { testStore } from "../conformance/store.ts";

testStore("SQLite", () => Promise.resolve(new SqliteFolder()));

/** Asserts that opening fails with an error that names the path and matches `reason`. */
async function assertRefused(folder: SqliteFolder, reason: RegExp): Promise<void> {
  await assert.rejects(folder.open(), (error) => {
    assert.ok(error instanceof StoreError);
    assert.match(error.message, reason);
    assert.ok(error.message.includes(folder.path), error.message);
    return true;
  });
}

/** Runs SQL directly on the database. */
function execute(folder: SqliteFolder, sql: string): void {
  const database = new DatabaseSync(folder.database);
  database.exec(sql);
  database.close();
}

Deno.test("a data folder in use is refused until the first store is closed", async () => {
  await using folder = new SqliteFolder();
  const store = await folder.open();
  await assertRefused(folder, /another gateway is running on it/);
  assert.equal((await store.requests.accept(request("a"))).type, "accepted");
  await store[Symbol.asyncDispose]();
  await using again = await folder.open();
  assert.equal((await again.requests.unfinished()).length, 1);
});

Deno.test("a database from a newer program is refused and not changed", async () => {
  await using folder = new SqliteFolder();
  {
    await using store = await folder.open();
    await finished(store);
  }
  execute(folder, "PRAGMA user_version = 1000");
  const before = Deno.readFileSync(folder.database);
  await assertRefused(folder, /its version is 1000, this program knows up to \d+/);
  assert.deepEqual(Deno.readFileSync(folder.database), before);
});

Deno.test("a database without adapter sessions is migrated and keeps its data", async () => {
  await using folder = new SqliteFolder();
  Deno.mkdirSync(folder.path);
  const database = new DatabaseSync(folder.database);
  migrate(database, { to: 7 });
  database.exec(
    `INSERT INTO requests (node_id, request_id, digest, dialect, platform, channel_key, priority,
       state, accepted_at, finished_at, outcome)
     VALUES ('node-1', 'a', '', 'clara-1', 'test', 'channel-1', 'normal', 'done', 1, 2,
       '{"type":"cancelled"}')`,
  );
  database.close();
  await using store = await folder.open();
  assert.equal((await store.requests.undelivered("node-1"))[0]?.requestId, "a");
  await store.frames.save({ sessions: [adapterSession()], ended: [] });
  assert.deepEqual(await store.frames.sessions(), [adapterSession()]);
});

Deno.test("a newer database whose program was killed is refused and not changed", async () => {
  await using folder = new SqliteFolder();
  await (await folder.open())[Symbol.asyncDispose]();
  // Copies database and log as a killed process would leave them.
  const files = [folder.database, `${folder.database}-wal`];
  const writer = new DatabaseSync(folder.database);
  writer.exec("PRAGMA user_version = 1000");
  const before = files.map((file) => Deno.readFileSync(file));
  writer.close();
  files.forEach((file, index) => Deno.writeFileSync(file, before[index]!));
  await assertRefused(folder, /its version is 1000/);
  assert.deepEqual(files.map((file) => Deno.readFileSync(file)), before);
});

const corruptions = [
  { name: "of random bytes", bytes: crypto.getRandomValues(new Uint8Array(20_000)) },
  { name: "of text", bytes: new TextEncoder().encode("not a database\n".repeat(300)) },
  { name: "shorter than a header", bytes: new Uint8Array([1, 2, 3]) },
];
for (const { name, bytes } of corruptions) {
  Deno.test(`a database file ${name} is refused and not changed`, async () => {
    await using folder = new SqliteFolder();
    Deno.mkdirSync(folder.path);
    Deno.writeFileSync(folder.database, bytes);
    await assertRefused(folder, /Cannot open store ".*was not changed/);
    assert.deepEqual(Deno.readFileSync(folder.database), bytes);
    Deno.removeSync(folder.database);
    await using _ = await folder.open();
  });
}

Deno.test("a damaged database fails with a StoreError", async () => {
  await using folder = new SqliteFolder();
  {
    await using store = await folder.open();
    for (let count = 0; count < 20; count++) await finished(store);
  }
  const bytes = Deno.readFileSync(folder.database);
  crypto.getRandomValues(bytes.subarray(4096, 16_384));
  Deno.writeFileSync(folder.database, bytes);
  // SQLite may detect the damage on open or later.
  await assert.rejects(async () => {
    await using store = await folder.open();
    await store.requests.accept(request("a"));
    await store.requests.undelivered("node-1");
  }, StoreError);
});

Deno.test("opening fails if the data folder cannot be created", async () => {
  await using folder = new SqliteFolder();
  Deno.writeTextFileSync(folder.path, "a file");
  await assertRefused(folder, /Cannot create data folder/);
});

Deno.test("only the owner can access the data folder", async () => {
  await using folder = new SqliteFolder();
  await using _ = await folder.open();
  assert.equal(Deno.statSync(folder.path).mode! & 0o777, 0o700);
});

for (const sync of ["full", "normal"]) {
  Deno.test(`a process killed while accepting loses no acknowledged request (${sync})`, async () => {
    await using folder = new SqliteFolder();
    const script = fileURLToPath(new URL("./accept_forever.ts", import.meta.url));
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-lock", "--config", config, script, folder.path, sync],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let output = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      // Requests printed before the kill may be read after it; they were acknowledged too.
      if (output.length > 5000) kill(child);
    }
    assert.equal((await child.status).signal, "SIGKILL");
    const lines = output.split("\n").slice(0, -1).map((line) => line.split(" "));
    assert.ok(lines.length > 100);
    {
      await using store = await folder.open();
      const kept = new Map((await store.requests.unfinished()).map((row) => [row.seq, row]));
      for (const [seq, id] of lines) assert.equal(kept.get(Number(seq))?.requestId, id);
      assert.ok(await accepted(store, request("next")) > Math.max(...kept.keys()));
    }
    const database = new DatabaseSync(folder.database, { readOnly: true });
    const check = database.prepare("PRAGMA integrity_check").get();
    database.close();
    assert.deepEqual({ ...check }, { integrity_check: "ok" });
  });
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch { /* Already killed. */ }
}
