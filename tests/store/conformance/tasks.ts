/** Tests of tasks. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import type { TaskState } from "../../../src/store/run_store.ts";
import { newRun } from "./runs.ts";
import type { StoreTest } from "./store.ts";

const key = { name: "task-1", digest: "digest-1" };

/** Claims a fire time, or a manual run without one. */
function claim(store: Store, fireAt?: number, of = key): Promise<number | undefined> {
  const trigger = fireAt === undefined ? "manual" : new Date(fireAt).toISOString();
  const run = newRun(of.name, { trigger, startedAt: 2000 });
  return store.tasks.claim(of, { fireAt, run, keep: 9 });
}

/** Registers a task. */
async function register(store: Store, now: number, of = key): Promise<TaskState> {
  const [state] = await store.tasks.register([of], { now });
  return state!;
}

/** Returns the state of a task. */
function state(store: Store, of = key) {
  return register(store, 99_999, of);
}

/** Declares the tests. */
export function testTasks(test: StoreTest): void {
  test("a new task is anchored when it is first registered", async (store) => {
    const fresh = {
      ...key,
      anchorAt: 1000,
      cursorAt: undefined,
      lastRunAt: undefined,
      runCount: 0,
    };
    assert.deepEqual(await register(store, 1000), fresh);
    assert.deepEqual(await register(store, 5000), fresh);
  });

  test("registered tasks are returned in the order of the keys", async (store) => {
    await register(store, 1000);
    const other = { name: "another", digest: "digest-2" };
    const states = await store.tasks.register([other, key], { now: 2000 });
    assert.deepEqual(states.map(({ name, digest, anchorAt }) => ({ name, digest, anchorAt })), [
      { ...other, anchorAt: 2000 },
      { ...key, anchorAt: 1000 },
    ]);
    assert.deepEqual(await store.tasks.register([], { now: 2000 }), []);
  });

  test(
    "a claim adds its run and updates the task",
    async (store) => {
      await register(store, 1000);
      const id = await claim(store, 1500);
      const { cursorAt, lastRunAt, runCount } = await state(store);
      assert.deepEqual({ cursorAt, lastRunAt, runCount }, {
        cursorAt: 1500,
        lastRunAt: 2000,
        runCount: 1,
      });
      const [run, ...others] = await store.runs.recent({ kind: "task", limit: 9 });
      assert.equal(run!.id, id);
      assert.equal(run!.trigger, "1970-01-01T00:00:01.500Z");
      assert.deepEqual(others, []);
    },
  );

  test("a fire time cannot be claimed twice, nor an earlier one after it", async (store) => {
    await register(store, 1000);
    assert.notEqual(await claim(store, 1500), undefined);
    for (const fireAt of [1500, 1499, 0]) assert.equal(await claim(store, fireAt), undefined);
    assert.equal((await state(store)).runCount, 1);
    assert.equal((await store.runs.recent({ kind: "task", limit: 9 })).length, 1);
    assert.notEqual(await claim(store, 1501), undefined);
  });

  test("only one of several concurrent claims of a fire time succeeds", async (store) => {
    await register(store, 1000);
    for (const fireAt of [1500, 1600, 1700]) {
      const claims = await Promise.all(Array.from({ length: 8 }, () => claim(store, fireAt)));
      assert.equal(claims.filter((id) => id !== undefined).length, 1);
    }
    assert.equal((await state(store)).runCount, 3);
  });

  test("a manual run is counted but does not advance the cursor", async (store) => {
    await register(store, 1000);
    await claim(store, 1500);
    assert.notEqual(await claim(store), undefined);
    const { cursorAt, runCount } = await state(store);
    assert.deepEqual({ cursorAt, runCount }, { cursorAt: 1500, runCount: 2 });
    assert.notEqual(await claim(store, 1501), undefined);
  });

  test("a new schedule resets anchor and cursor, but not the counts", async (store) => {
    await register(store, 1000);
    await claim(store, 1500);
    const other = { ...key, digest: "digest-2" };
    assert.deepEqual(await register(store, 3000, other), {
      ...other,
      anchorAt: 3000,
      cursorAt: undefined,
      lastRunAt: 2000,
      runCount: 1,
    });
    assert.equal(await claim(store, 9000), undefined, "the old schedule is no longer registered");
    assert.equal(await claim(store), undefined);
    assert.notEqual(await claim(store, 1400, other), undefined);
  });

  test("an unregistered task cannot be claimed", async (store) => {
    assert.equal(await claim(store, 1500), undefined);
    assert.deepEqual(await store.runs.recent({ kind: "task", limit: 9 }), []);
  });

  test("skipping fire times advances the cursor, which never decreases", async (store) => {
    await register(store, 1000);
    await store.tasks.skip(key, { fireAt: 1500 });
    assert.equal(await claim(store, 1500), undefined);
    await store.tasks.skip(key, { fireAt: 1200 });
    assert.equal((await state(store)).cursorAt, 1500);
    await store.tasks.skip({ ...key, digest: "digest-2" }, { fireAt: 9000 });
    const { cursorAt, runCount } = await state(store);
    assert.deepEqual({ cursorAt, runCount }, { cursorAt: 1500, runCount: 0 });
    assert.notEqual(await claim(store, 1501), undefined);
  });

  test("a reanchored task can be claimed before its old cursor", async (store) => {
    await register(store, 1000);
    await claim(store, 9000);
    await store.tasks.reanchor({ ...key, digest: "digest-2" }, { anchorAt: 1 });
    assert.equal(await claim(store, 2500), undefined);
    await store.tasks.reanchor(key, { anchorAt: 2000 });
    const { anchorAt, cursorAt, runCount } = await state(store);
    assert.deepEqual({ anchorAt, cursorAt, runCount }, {
      anchorAt: 2000,
      cursorAt: undefined,
      runCount: 1,
    });
    assert.notEqual(await claim(store, 2500), undefined);
  });

  test("tasks are independent and delete only their own old runs", async (store) => {
    const other = { name: "task-2", digest: "digest-1" };
    await register(store, 1000);
    await register(store, 1000, other);
    await claim(store, 9000);
    for (let fireAt = 1; fireAt <= 5; fireAt++) {
      const run = newRun(other.name);
      assert.notEqual(await store.tasks.claim(other, { fireAt, run, keep: 2 }), undefined);
    }
    assert.equal((await state(store, other)).cursorAt, 5);
    const count = async (name: string) =>
      (await store.runs.recent({ kind: "task", name, limit: 9 })).length;
    assert.deepEqual([await count(key.name), await count(other.name)], [1, 2]);
  });
}
