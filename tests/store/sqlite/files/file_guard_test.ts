import assert from "node:assert/strict";
import { join } from "node:path";
import { StoreError } from "../../../../src/domain/errors.ts";
import { takeSnapshot } from "../../../../src/store/sqlite/files/snapshot.ts";
import { SqliteStore } from "../../../../src/store/sqlite/store.ts";
import { TempFolder } from "../../../support/process/temp_folder.ts";

/** What happens to the files of an open store, and what the error says about them. */
const changes: readonly [string, (folder: string) => void, RegExp][] = [
  [
    "the folder is removed",
    (folder) => Deno.removeSync(folder, { recursive: true }),
    /gateway\.db" was removed/,
  ],
  [
    "the database is removed",
    (folder) => Deno.removeSync(join(folder, "gateway.db")),
    /gateway\.db" was removed/,
  ],
  [
    "the write-ahead log is removed",
    (folder) => Deno.removeSync(join(folder, "gateway.db-wal")),
    /gateway\.db-wal" was removed/,
  ],
  [
    "another file is moved over the database",
    (folder) => {
      Deno.copyFileSync(join(folder, "gateway.db"), join(folder, "copy"));
      Deno.renameSync(join(folder, "copy"), join(folder, "gateway.db"));
    },
    /gateway\.db" was replaced/,
  ],
  [
    "the folder becomes a file",
    (folder) => {
      Deno.removeSync(folder, { recursive: true });
      Deno.writeTextFileSync(folder, "");
    },
    /gateway\.db" was removed/,
  ],
];

for (const [title, change, expected] of changes) {
  Deno.test(`when ${title}, writes and figures fail`, async () => {
    await using folder = new TempFolder();
    const path = join(folder.path, "data");
    await using store = SqliteStore.open(path);
    await store.probe();
    await store.figures();
    change(path);
    for (const call of [() => store.probe(), () => store.figures()]) {
      await assert.rejects(call, (error: unknown) => {
        assert(error instanceof StoreError);
        assert.equal(error.lasting, false);
        assert.match(error.message, expected);
        return true;
      });
    }
  });
}

Deno.test("a folder that is moved away and back again is the same store", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "data");
  await using store = SqliteStore.open(path);
  await store.probe();
  Deno.renameSync(path, `${path}-moved`);
  await assert.rejects(() => store.probe(), StoreError);
  Deno.renameSync(`${path}-moved`, path);
  await store.probe();
});

Deno.test("a backup moved over an open store is intact at the next start", async () => {
  await using folder = new TempFolder();
  const path = join(folder.path, "data");
  {
    await using store = SqliteStore.open(path);
    await store.probe();
    await takeSnapshot(path, { file: join(folder.path, "backup") });
    Deno.renameSync(join(folder.path, "backup"), join(path, "gateway.db"));
    await assert.rejects(() => store.probe(), StoreError);
  }
  await using store = SqliteStore.open(path);
  await store.probe();
  assert((await store.figures()).queued === 0);
});
