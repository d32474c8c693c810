/** Restores that fail or are interrupted. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { StoreError } from "../../../../src/domain/errors.ts";
import { restoreSnapshot, takeSnapshot } from "../../../../src/store/sqlite/files/snapshot.ts";
import { SqliteStore } from "../../../../src/store/sqlite/store.ts";
import { TempFolder } from "../../../support/process/temp_folder.ts";
import { accepted, request } from "../../conformance/samples.ts";

const now = new Date("2026-01-02T03:04:05.678Z");
const keptName = "gateway.db.replaced-2026-01-02T03-04-05-678Z";

/** Creates a folder in the state after a killed gateway: the last writes are only in the log. */
async function killedStore(folder: TempFolder): Promise<string> {
  const [lived, left] = [join(folder.path, "lived"), join(folder.path, "left")];
  Deno.mkdirSync(left);
  await using store = SqliteStore.open(lived);
  await accepted(store, request("old"));
  for (const name of ["gateway.db", "gateway.db-wal"]) {
    Deno.copyFileSync(join(lived, name), join(left, name));
  }
  return left;
}

/** Backs up another store. */
async function snapshot(folder: TempFolder): Promise<string> {
  const other = join(folder.path, "other");
  const file = join(folder.path, "copy.db");
  await using store = SqliteStore.open(other);
  await accepted(store, request("new"));
  await takeSnapshot(other, { file });
  return file;
}

async function requestsIn(folder: string): Promise<readonly string[]> {
  await using store = SqliteStore.open(folder);
  return (await store.requests.unfinished()).map(({ requestId }) => requestId);
}

function filesIn(folder: string): readonly string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
}

Deno.test("a failed restore leaves the store unchanged", async () => {
  await using folder = new TempFolder();
  const [left, file] = [await killedStore(folder), await snapshot(folder)];
  // Renaming the database succeeds; renaming its log fails.
  const obstacle = join(left, `${keptName}-wal`);
  Deno.mkdirSync(join(obstacle, "full"), { recursive: true });
  const files = filesIn(left);
  await assert.rejects(restoreSnapshot(file, { folder: left, now }), StoreError);
  assert.deepEqual(filesIn(left), [...files, "gateway.lock"].sort());
  assert.deepEqual(await requestsIn(left), ["old"]);
});

Deno.test("an interrupted restore can be repeated, and no empty store is created before", async () => {
  await using folder = new TempFolder();
  const [left, file] = [await killedStore(folder), await snapshot(folder)];
  Deno.renameSync(join(left, "gateway.db"), join(left, keptName));
  await assert.rejects(requestsIn(left), (error) => {
    assert.ok(error instanceof StoreError);
    assert.match(error.message, /a restore was interrupted/);
    assert.ok(error.message.includes(join(left, keptName)), error.message);
    return true;
  });
  assert.ok(!filesIn(left).includes("gateway.db"));

  const { kept } = await restoreSnapshot(file, { folder: left });
  assert.equal(kept, undefined);
  assert.deepEqual(await requestsIn(left), ["new"]);
  // The log was renamed together with its store.
  const aside = join(folder.path, "aside");
  Deno.mkdirSync(aside);
  for (const suffix of ["", "-wal"]) {
    Deno.renameSync(join(left, keptName + suffix), join(aside, `gateway.db${suffix}`));
  }
  assert.deepEqual(await requestsIn(aside), ["old"]);
});

Deno.test("the error after an interrupted restore says what to rename", async () => {
  await using folder = new TempFolder();
  const left = await killedStore(folder);
  for (const suffix of ["", "-wal"]) {
    Deno.renameSync(join(left, `gateway.db${suffix}`), join(left, keptName + suffix));
  }
  await assert.rejects(requestsIn(left), (error: Error) => {
    const said = [...error.message.matchAll(/"(gateway[^"]*)" to "([^"]*)"/g)];
    for (const [, from, to] of said) Deno.renameSync(join(left, from!), join(left, to!));
    return said.length === 2;
  });
  assert.deepEqual(await requestsIn(left), ["old"]);
});
