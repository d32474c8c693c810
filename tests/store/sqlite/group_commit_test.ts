import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { GroupCommit } from "../../../src/store/sqlite/group_commit.ts";

/** Creates a database with a table of words. */
function openTable() {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE words (word TEXT PRIMARY KEY)");
  const insert = database.prepare("INSERT INTO words VALUES (?)");
  return {
    database,
    add: (word: string) => insert.run(word).changes,
    words: () =>
      database.prepare("SELECT word FROM words ORDER BY word").all().map(({ word }) => word),
    [Symbol.dispose]: () => database.close(),
  };
}

Deno.test("writes of one event loop iteration share a transaction, in order", async () => {
  using table = openTable();
  const commit = new GroupCommit(table.database);
  const order: string[] = [];
  const add = (word: string) =>
    commit.run(() => {
      order.push(word);
      assert.throws(() => table.database.exec("BEGIN"), /within a transaction/);
      return table.add(word);
    });
  const writes = ["a", "b", "c"].map(add);
  assert.deepEqual(order, [], "nothing is written before the group is complete");
  assert.deepEqual(await Promise.all(writes), [1, 1, 1]);
  assert.deepEqual(order, ["a", "b", "c"]);
  assert.deepEqual(table.words(), ["a", "b", "c"]);
});

Deno.test("a failed write is rolled back without affecting others in its group", async () => {
  using table = openTable();
  const commit = new GroupCommit(table.database);
  const results = await Promise.allSettled([
    commit.run(() => table.add("a")),
    commit.run(() => {
      table.add("half");
      throw new Error("changed its mind");
    }),
    commit.run(() => table.add("a")),
    commit.run(() => table.add("b")),
  ]);
  const states = results.map(({ status }) => status);
  assert.deepEqual(states, ["fulfilled", "rejected", "rejected", "fulfilled"]);
  assert.deepEqual(table.words(), ["a", "b"]);
  // Fails if a transaction is still open.
  table.database.exec("BEGIN; COMMIT");
});

Deno.test("a failed single write does not affect the next one", async () => {
  using table = openTable();
  const commit = new GroupCommit(table.database);
  await assert.rejects(commit.run(() => table.add("twice") && table.add("twice")));
  await commit.run(() => table.add("y"));
  assert.deepEqual(table.words(), ["y"]);
});

Deno.test("a flush commits pending writes immediately and only once", async () => {
  using table = openTable();
  const commit = new GroupCommit(table.database);
  const writing = commit.run(() => table.add("a"));
  commit.flush();
  assert.deepEqual(table.words(), ["a"]);
  commit.flush();
  assert.equal(await writing, 1);
  // The flush scheduled by the write runs now, with nothing to commit.
  await setImmediate();
  assert.deepEqual(table.words(), ["a"]);
});

Deno.test("a write started inside a write runs in the next transaction", async () => {
  using table = openTable();
  const commit = new GroupCommit(table.database);
  let inner: Promise<unknown> | undefined;
  await commit.run(() => {
    inner = commit.run(() => table.add("inner"));
    return table.add("outer");
  });
  assert.deepEqual(table.words(), ["outer"]);
  await inner;
  assert.deepEqual(table.words(), ["inner", "outer"]);
});
