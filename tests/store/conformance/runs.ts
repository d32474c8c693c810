/** The promises about runs of hooks and tasks. Part of the store's conformance suite. */

import assert from "node:assert/strict";
import type { NewRun, RunResult } from "../../../src/store/run_store.ts";
import type { StoreTest } from "./store.ts";

const result: RunResult = {
  exitCode: 3,
  durationMs: 12,
  output: "before\u0000after \u{1F600}\n'$(x)'",
  error: "it ended\u0000with exit code 3",
};
const cutOff: RunResult = { durationMs: 0, output: "", error: "cut off" };

/** A task's run that begins at the time 1000. */
export function newRun(name: string, fields: Partial<NewRun> = {}): NewRun {
  return { kind: "task", name, trigger: "manual", startedAt: 1000, ...fields };
}

/** Declares the tests. */
export function testRuns(promises: StoreTest): void {
  promises(
    "a run has no result until it is finished, then all of it, NUL included",
    async (store) => {
      const id = await store.runs.add(newRun("a"), { keep: 9 });
      const [begun] = await store.runs.recent({ kind: "task", limit: 9 });
      assert.deepEqual(begun, { ...newRun("a"), id, result: undefined });
      await store.runs.finish(id, result);
      const [ended] = await store.runs.recent({ kind: "task", limit: 9 });
      assert.deepEqual(ended, { ...newRun("a"), id, result });
    },
  );

  promises("a run that is noted when it is over has its result at once", async (store) => {
    const without = { durationMs: 1, output: "" };
    await store.runs.add(newRun("a", { kind: "hook", result: without }), { keep: 9 });
    const [run] = await store.runs.recent({ kind: "hook", limit: 9 });
    assert.deepEqual(run!.result, { ...without, exitCode: undefined, error: undefined });
  });

  promises("the newest runs come first, of one kind, of one name, so many", async (store) => {
    for (const name of ["a", "b", "a", "b", "a"]) {
      await store.runs.add(newRun(name), { keep: 9 });
      await store.runs.add(newRun(name, { kind: "hook" }), { keep: 9 });
    }
    const all = await store.runs.recent({ kind: "task", limit: 9 });
    assert.deepEqual(all.map(({ name }) => name), ["a", "b", "a", "b", "a"]);
    const ids = all.map(({ id }) => id);
    assert.deepEqual(ids, ids.toSorted((a, b) => b - a));
    const named = await store.runs.recent({ kind: "task", name: "a", limit: 2 });
    assert.deepEqual(named.map(({ id }) => id), [ids[0], ids[2]]);
    assert.deepEqual(await store.runs.recent({ kind: "task", name: "c", limit: 9 }), []);
  });

  promises("each hook and task keeps its newest runs and nobody else's", async (store) => {
    await store.runs.add(newRun("b"), { keep: 3 });
    await store.runs.add(newRun("a", { kind: "hook" }), { keep: 3 });
    const ids: number[] = [];
    for (let run = 0; run < 5; run++) ids.push(await store.runs.add(newRun("a"), { keep: 3 }));
    const kept = await store.runs.recent({ kind: "task", name: "a", limit: 9 });
    assert.deepEqual(kept.map(({ id }) => id), ids.slice(2).reverse());
    assert.equal((await store.runs.recent({ kind: "task", name: "b", limit: 9 })).length, 1);
    assert.equal((await store.runs.recent({ kind: "hook", limit: 9 })).length, 1);
  });

  promises("what a crash has cut off is closed and given back once", async (store) => {
    const done = await store.runs.add(newRun("done"), { keep: 9 });
    await store.runs.finish(done, result);
    const task = await store.runs.add(newRun("open"), { keep: 9 });
    const hook = await store.runs.add(newRun("open", { kind: "hook" }), { keep: 9 });
    const closed = await store.runs.closeInterrupted(cutOff);
    assert.deepEqual(closed.map(({ id }) => id).toSorted((a, b) => a - b), [task, hook]);
    for (const run of closed) assert.equal(run.result?.error, "cut off");
    assert.deepEqual(await store.runs.closeInterrupted(cutOff), []);
    const [open, first] = await store.runs.recent({ kind: "task", limit: 9 });
    assert.equal(open!.result?.error, "cut off");
    assert.deepEqual(first!.result, result);
  });

  promises("a result for a run that was dropped meanwhile is no error", async (store) => {
    const id = await store.runs.add(newRun("a"), { keep: 1 });
    await store.runs.add(newRun("a"), { keep: 1 });
    await store.runs.finish(id, result);
    const runs = await store.runs.recent({ kind: "task", limit: 9 });
    assert.deepEqual(runs.map(({ result }) => result), [undefined]);
  });
}
