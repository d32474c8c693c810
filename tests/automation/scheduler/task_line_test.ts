import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { type Fire, TaskRunQueue } from "../../../src/automation/scheduler/task_line.ts";
import { Gate } from "../../support/gate.ts";

/** A line whose runs go on until they are let go or aborted. */
class LineBench {
  readonly began: (number | undefined)[] = [];
  readonly ended: string[] = [];
  readonly skipped: (number | undefined)[] = [];
  readonly line: TaskRunQueue;
  #gate = new Gate();

  constructor() {
    this.line = new TaskRunQueue({
      run: async ({ fireAt }, signal) => {
        this.began.push(fireAt);
        const aborted = new Gate();
        signal.addEventListener("abort", () => aborted.open());
        await Promise.race([this.#gate.opened, aborted.opened]);
        this.ended.push(signal.aborted ? `${fireAt}: ${signal.reason.message}` : `${fireAt}`);
        return { durationMs: 0, output: String(fireAt) };
      },
      onSkip: ({ fireAt }) => this.skipped.push(fireAt),
    });
  }

  fire(fireAt: number, overlap: "skip" | "queue" | "kill", fire: Partial<Fire> = {}): void {
    this.line.fire({ fireAt, ...fire }, overlap);
  }

  /** Lets the run that goes on end, and the next begin. */
  async letGo(): Promise<void> {
    const gate = this.#gate;
    this.#gate = new Gate();
    gate.open();
    await setImmediate();
  }
}

Deno.test("a fire time that meets a run is skipped, and told", async () => {
  const bench = new LineBench();
  bench.fire(1, "skip");
  assert.equal(bench.line.running, true);
  bench.fire(2, "skip");
  bench.fire(3, "skip");
  assert.deepEqual(bench.skipped, [2, 3]);
  await bench.letGo();
  assert.equal(bench.line.running, false);
  bench.fire(4, "skip");
  await bench.letGo();
  assert.deepEqual(bench.ended, ["1", "4"]);
});

Deno.test("fire times that are queued run one after the other, in order", async () => {
  const bench = new LineBench();
  for (const fireAt of [1, 2, 3]) bench.fire(fireAt, "queue");
  assert.deepEqual(bench.began, [1]);
  assert.equal(bench.line.waiting, 2);
  await bench.letGo();
  assert.deepEqual(bench.began, [1, 2]);
  await bench.letGo();
  await bench.letGo();
  assert.deepEqual(bench.ended, ["1", "2", "3"]);
  assert.deepEqual(bench.skipped, []);
  assert.equal(bench.line.running, false);
});

Deno.test("a run may be ended for a newer one, which begins when it is over", async () => {
  const bench = new LineBench();
  bench.fire(1, "queue");
  bench.fire(2, "queue");
  bench.fire(3, "kill");
  assert.deepEqual(bench.began, [1], "one at a time");
  await setImmediate();
  assert.deepEqual(bench.ended, ["1: a newer run has taken its place"]);
  assert.deepEqual(bench.began, [1, 3]);
  assert.deepEqual(bench.skipped, [2]);
  await bench.letGo();
});

Deno.test("no more than a hundred runs wait", async () => {
  const bench = new LineBench();
  for (let fireAt = 0; fireAt <= 105; fireAt++) bench.fire(fireAt, "queue");
  assert.equal(bench.line.waiting, 100);
  assert.deepEqual(bench.skipped, [101, 102, 103, 104, 105]);
  for (let run = 0; run <= 100; run++) await bench.letGo();
  assert.equal(bench.ended.length, 101);
});

Deno.test("who started a run by hand hears how it went", async () => {
  const bench = new LineBench();
  const results: unknown[] = [];
  bench.fire(1, "skip", { onEnd: (result) => results.push(result) });
  await bench.letGo();
  assert.deepEqual(results, [{ durationMs: 0, output: "1" }]);
});

Deno.test("a line that stops forgets what waits, and waits for what runs", async () => {
  const bench = new LineBench();
  bench.fire(1, "queue");
  bench.fire(2, "queue");
  let stopped = false;
  const stopping = bench.line.stop().then(() => stopped = true);
  await setImmediate();
  assert.equal(stopped, false);
  await bench.letGo();
  await stopping;
  assert.deepEqual(bench.ended, ["1"]);
});

Deno.test("a line that stops with a reason ends what runs", async () => {
  const bench = new LineBench();
  bench.fire(1, "skip");
  await bench.line.stop(new Error("enough"));
  assert.deepEqual(bench.ended, ["1: enough"]);
  await bench.line.stop(new Error("once more"));
});
