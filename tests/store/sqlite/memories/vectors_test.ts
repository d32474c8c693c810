/** Finding memories without a vector. */
// Runs alone: it measures time.

import assert from "node:assert/strict";
import type { SqliteStore } from "../../../../src/store/sqlite/store.ts";
import { SqliteFolder } from "../sqlite_folder.ts";

const userKey = "test:user-1";

async function addMemory(store: SqliteStore, text: string, of = userKey): Promise<number> {
  const memory = { userKey: of, text, private: false, channelKey: "channel-1", createdAt: 1 };
  return (await store.memories.add(memory, { cap: 100_000 })).memory.id;
}

async function missing(store: SqliteStore, model = "m"): Promise<readonly string[]> {
  return (await store.vectors.missing({ model, limit: 9 })).map(({ text }) => text);
}

const vector = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);

Deno.test("missing vectors are tracked across changes, restarts and models", async () => {
  await using folder = new SqliteFolder();
  {
    await using store = await folder.open();
    const ids: number[] = [];
    for (const text of ["one", "two", "three", "four"]) ids.push(await addMemory(store, text));
    assert.deepEqual(await missing(store), ["four", "three", "two", "one"]);
    await store.vectors.save("m", [{ id: ids[0]!, vector }, { id: ids[1]!, vector }]);
    assert.deepEqual(await missing(store), ["four", "three"]);
    await store.vectors.skip("m", ids[2]!);
    assert.deepEqual(await missing(store), ["four"], "a refused memory is not missing");
    await store.memories.remove({ userKey, id: ids[3]! });
    assert.deepEqual(await missing(store), []);
    await addMemory(store, "five");
    assert.deepEqual(await missing(store), ["five"]);
  }
  await using store = await folder.open();
  await addMemory(store, "six");
  assert.deepEqual(await missing(store), ["six", "five"]);
  assert.deepEqual(await missing(store, "another"), ["six", "five", "three", "two", "one"]);
  assert.deepEqual(await missing(store), ["six", "five"], "the first model again");
  const view = { userKey, includePrivate: true, limit: 9 };
  const found = await store.vectors.nearest({ ...view, model: "m", vector });
  assert.deepEqual(found.map(({ text }) => text).sort(), ["one", "two"]);
});

Deno.test("the time to find missing vectors does not depend on the number of existing ones", async () => {
  await using folder = new SqliteFolder();
  await using store = await folder.open();
  const grow = async (count: number, prefix: string) => {
    const ids = await Promise.all(
      Array.from(
        { length: count },
        (_, number) => addMemory(store, `${prefix} ${number}`, `test:${number % 500}`),
      ),
    );
    await store.vectors.save("m", ids.map((id) => ({ id, vector })));
    await store.vectors.missing({ model: "m", limit: 64 });
  };
  const median = async () => {
    const times: number[] = [];
    for (let round = 0; round < 51; round++) {
      const start = performance.now();
      await store.vectors.missing({ model: "m", limit: 64 });
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[25]!;
  };
  await grow(10, "few");
  const few = await median();
  await grow(20_000, "many");
  const many = await median();
  assert.ok(many < few * 5 + 1, `${few} ms, then ${many} ms`);
});
