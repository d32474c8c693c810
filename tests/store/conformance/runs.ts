/** Tests of runs. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { NewRun, RunResult } from "../../../src/store/run_store.ts";
import type { StoreTest } from "./store.ts";

const result: RunResult = {
  exitCode: 3,
  durationMs: 12,
  output: "before\u0000after \u{1F600}\n'$(x)'",
  error: "it ended\u0000with exit code 3",
};
const interrupted: RunResult = { durationMs: 0, output: "", error: "interrupted" };

/** A manual run of a task, started at time 1000. */
export function newRun(name: string, fields: Partial<NewRun> = {}): NewRun {
  return { kind: "task", name, trigger: "manual", startedAt: 1000, ...fields };
}

/** Declares the tests. */
export function testRuns(test: StoreTest): void {
  test(
    "a run has no result until it is finished; the result may contain NUL",
    async (store) => {
      const id = await store.runs.add(newRun("a"), { keep: 9 });
      const [started] = await store.runs.recent({ kind: "task", limit: 9 });
      assert.deepEqual(started, { ...newRun("a"), id, result: undefined });
      await store.runs.finish(id, result);
      const [ended] = await store.runs.recent({ kind: "task", limit: 9 });
      assert.deepEqual(ended, { ...newRun("a"), id, result });
    },
  );

  test("a run may be added with its result", async (store) => {
    const without = { durationMs: 1, output: "" };
    await store.runs.add(newRun("a", { kind: "hook", result: without }), { keep: 9 });
    const [run] = await store.runs.recent({ kind: "hook", limit: 9 });
    assert.deepEqual(run!.result, { ...without, exitCode: undefined, error: undefined });
  });

  test("runs are listed by kind and name up to the limit, the newest first", async (store) => {
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

  test("each hook and task keeps only its newest runs", async (store) => {
    await store.runs.add(newRun("b"), { keep: 3 });
    await store.runs.add(newRun("a", { kind: "hook" }), { keep: 3 });
    const ids: number[] = [];
    for (let run = 0; run < 5; run++) ids.push(await store.runs.add(newRun("a"), { keep: 3 }));
    const kept = await store.runs.recent({ kind: "task", name: "a", limit: 9 });
    assert.deepEqual(kept.map(({ id }) => id), ids.slice(2).reverse());
    assert.equal((await store.runs.recent({ kind: "task", name: "b", limit: 9 })).length, 1);
    assert.equal((await store.runs.recent({ kind: "hook", limit: 9 })).length, 1);
  });

  test("interrupted runs are closed and returned once", async (store) => {
    const done = await store.runs.add(newRun("done"), { keep: 9 });
    await store.runs.finish(done, result);
    const task = await store.runs.add(newRun("open"), { keep: 9 });
    const hook = await store.runs.add(newRun("open", { kind: "hook" }), { keep: 9 });
    const closed = await store.runs.closeInterrupted(interrupted);
    assert.deepEqual(closed.map(({ id }) => id).toSorted((a, b) => a - b), [task, hook]);
    for (const run of closed) assert.equal(run.result?.error, "interrupted");
    assert.deepEqual(await store.runs.closeInterrupted(interrupted), []);
    const [open, first] = await store.runs.recent({ kind: "task", limit: 9 });
    assert.equal(open!.result?.error, "interrupted");
    assert.deepEqual(first!.result, result);
  });

  test("finishing a deleted run is not an error", async (store) => {
    const id = await store.runs.add(newRun("a"), { keep: 1 });
    await store.runs.add(newRun("a"), { keep: 1 });
    await store.runs.finish(id, result);
    const runs = await store.runs.recent({ kind: "task", limit: 9 });
    assert.deepEqual(runs.map(({ result }) => result), [undefined]);
  });
}
