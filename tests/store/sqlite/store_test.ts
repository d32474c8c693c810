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

/** Opens and wants a refusal that names the file and says why. */
async function refused(place: SqliteFolder, why: RegExp): Promise<void> {
  await assert.rejects(place.open(), (error) => {
    assert.ok(error instanceof StoreError);
    assert.match(error.message, why);
    assert.ok(error.message.includes(place.path), error.message);
    return true;
  });
}

/** Runs statements on the database behind the store's back. */
function execute(place: SqliteFolder, sql: string): void {
  const database = new DatabaseSync(place.database);
  database.exec(sql);
  database.close();
}

Deno.test("a data folder in use is refused, and free again when the first is closed", async () => {
  await using place = new SqliteFolder();
  const store = await place.open();
  await refused(place, /another gateway is running on it/);
  assert.equal((await store.requests.accept(request("a"))).type, "accepted");
  await store[Symbol.asyncDispose]();
  await using again = await place.open();
  assert.equal((await again.requests.unfinished()).length, 1);
});

Deno.test("a database from a newer program is refused and left byte for byte", async () => {
  await using place = new SqliteFolder();
  {
    await using store = await place.open();
    await finished(store);
  }
  execute(place, "PRAGMA user_version = 1000");
  const before = Deno.readFileSync(place.database);
  await refused(place, /its version is 1000, this program knows up to \d+/);
  assert.deepEqual(Deno.readFileSync(place.database), before);
});

Deno.test("a database from before adapters' sessions were kept is brought forward with all it has", async () => {
  await using place = new SqliteFolder();
  Deno.mkdirSync(place.path);
  const database = new DatabaseSync(place.database);
  migrate(database, { to: 7 });
  database.exec(
    `INSERT INTO requests (node_id, request_id, digest, dialect, platform, channel_key, priority,
       state, accepted_at, finished_at, outcome)
     VALUES ('node-1', 'a', '', 'clara-1', 'test', 'channel-1', 'normal', 'done', 1, 2,
       '{"type":"cancelled"}')`,
  );
  database.close();
  await using store = await place.open();
  assert.equal((await store.requests.undelivered("node-1"))[0]?.requestId, "a");
  await store.frames.save({ sessions: [adapterSession()], ended: [] });
  assert.deepEqual(await store.frames.sessions(), [adapterSession()]);
});

Deno.test("a newer database whose program was killed is left byte for byte too", async () => {
  await using place = new SqliteFolder();
  await (await place.open())[Symbol.asyncDispose]();
  // A copy made under a writer: database and log as a killed process leaves them.
  const files = [place.database, `${place.database}-wal`];
  const writer = new DatabaseSync(place.database);
  writer.exec("PRAGMA user_version = 1000");
  const before = files.map((file) => Deno.readFileSync(file));
  writer.close();
  files.forEach((file, index) => Deno.writeFileSync(file, before[index]!));
  await refused(place, /its version is 1000/);
  assert.deepEqual(files.map((file) => Deno.readFileSync(file)), before);
});

const corruptions = [
  { name: "of random bytes", bytes: crypto.getRandomValues(new Uint8Array(20_000)) },
  { name: "of text", bytes: new TextEncoder().encode("this is no database\n".repeat(300)) },
  { name: "shorter than a header", bytes: new Uint8Array([1, 2, 3]) },
];
for (const { name, bytes } of corruptions) {
  Deno.test(`a file ${name} in the database's place is refused and untouched`, async () => {
    await using place = new SqliteFolder();
    Deno.mkdirSync(place.path);
    Deno.writeFileSync(place.database, bytes);
    await refused(place, /Cannot open store ".*was not changed/);
    assert.deepEqual(Deno.readFileSync(place.database), bytes);
    Deno.removeSync(place.database);
    await using _ = await place.open();
  });
}

Deno.test("a database whose pages were overwritten is refused or says what it cannot", async () => {
  await using place = new SqliteFolder();
  {
    await using store = await place.open();
    for (let count = 0; count < 20; count++) await finished(store);
  }
  const bytes = Deno.readFileSync(place.database);
  crypto.getRandomValues(bytes.subarray(4096, 16_384));
  Deno.writeFileSync(place.database, bytes);
  // Whether it is noticed when it is opened or when it is used is SQLite's business.
  await assert.rejects(async () => {
    await using store = await place.open();
    await store.requests.accept(request("a"));
    await store.requests.undelivered("node-1");
  }, StoreError);
});

Deno.test("a folder that cannot be made is refused", async () => {
  await using place = new SqliteFolder();
  Deno.writeTextFileSync(place.path, "a file");
  await refused(place, /Cannot create data folder/);
});

Deno.test("the data folder is for its owner only", async () => {
  await using place = new SqliteFolder();
  await using _ = await place.open();
  assert.equal(Deno.statSync(place.path).mode! & 0o777, 0o700);
});

for (const sync of ["full", "normal"]) {
  Deno.test(`a process that is killed while it accepts has lost nothing that it told (${sync})`, async () => {
    await using place = new SqliteFolder();
    const script = fileURLToPath(new URL("./accept_forever.ts", import.meta.url));
    const config = fileURLToPath(new URL("../../../deno.json", import.meta.url));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-lock", "--config", config, script, place.path, sync],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let told = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      told += text;
      // In full flight; what comes until the end of the pipe was told as well.
      if (told.length > 5000) kill(child);
    }
    assert.equal((await child.status).signal, "SIGKILL");
    const lines = told.split("\n").slice(0, -1).map((line) => line.split(" "));
    assert.ok(lines.length > 100);
    {
      await using store = await place.open();
      const kept = new Map((await store.requests.unfinished()).map((row) => [row.seq, row]));
      for (const [seq, id] of lines) assert.equal(kept.get(Number(seq))?.requestId, id);
      assert.ok(await accepted(store, request("next")) > Math.max(...kept.keys()));
    }
    const database = new DatabaseSync(place.database, { readOnly: true });
    const check = database.prepare("PRAGMA integrity_check").get();
    database.close();
    assert.deepEqual({ ...check }, { integrity_check: "ok" });
  });
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch { /* killed already */ }
}
