import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { type Fire, TaskRunQueue } from "../../../src/automation/scheduler/run_queue.ts";
import { Gate } from "../../support/gate.ts";

/** A queue whose runs last until they are released or aborted. */
class QueueFixture {
  readonly started: (number | undefined)[] = [];
  readonly ended: string[] = [];
  readonly skipped: (number | undefined)[] = [];
  readonly queue: TaskRunQueue;
  #gate = new Gate();

  constructor() {
    this.queue = new TaskRunQueue({
      run: async ({ fireAt }, signal) => {
        this.started.push(fireAt);
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
    this.queue.fire({ fireAt, ...fire }, overlap);
  }

  /** Ends the current run and starts the next. */
  async release(): Promise<void> {
    const gate = this.#gate;
    this.#gate = new Gate();
    gate.open();
    await setImmediate();
  }
}

Deno.test('with "skip", a fire time during a run is skipped', async () => {
  const fixture = new QueueFixture();
  fixture.fire(1, "skip");
  assert.equal(fixture.queue.running, true);
  fixture.fire(2, "skip");
  fixture.fire(3, "skip");
  assert.deepEqual(fixture.skipped, [2, 3]);
  await fixture.release();
  assert.equal(fixture.queue.running, false);
  fixture.fire(4, "skip");
  await fixture.release();
  assert.deepEqual(fixture.ended, ["1", "4"]);
});

Deno.test('with "queue", fire times run in order, one at a time', async () => {
  const fixture = new QueueFixture();
  for (const fireAt of [1, 2, 3]) fixture.fire(fireAt, "queue");
  assert.deepEqual(fixture.started, [1]);
  assert.equal(fixture.queue.waiting, 2);
  await fixture.release();
  assert.deepEqual(fixture.started, [1, 2]);
  await fixture.release();
  await fixture.release();
  assert.deepEqual(fixture.ended, ["1", "2", "3"]);
  assert.deepEqual(fixture.skipped, []);
  assert.equal(fixture.queue.running, false);
});

Deno.test('with "kill", the current run is aborted and the newest follows', async () => {
  const fixture = new QueueFixture();
  fixture.fire(1, "queue");
  fixture.fire(2, "queue");
  fixture.fire(3, "kill");
  assert.deepEqual(fixture.started, [1], "one at a time");
  await setImmediate();
  assert.deepEqual(fixture.ended, ["1: replaced by a newer run"]);
  assert.deepEqual(fixture.started, [1, 3]);
  assert.deepEqual(fixture.skipped, [2]);
  await fixture.release();
});

Deno.test("at most a hundred runs wait", async () => {
  const fixture = new QueueFixture();
  for (let fireAt = 0; fireAt <= 105; fireAt++) fixture.fire(fireAt, "queue");
  assert.equal(fixture.queue.waiting, 100);
  assert.deepEqual(fixture.skipped, [101, 102, 103, 104, 105]);
  for (let run = 0; run <= 100; run++) await fixture.release();
  assert.equal(fixture.ended.length, 101);
});

Deno.test("a manual run gets its result", async () => {
  const fixture = new QueueFixture();
  const results: unknown[] = [];
  fixture.fire(1, "skip", { onEnd: (result) => results.push(result) });
  await fixture.release();
  assert.deepEqual(results, [{ durationMs: 0, output: "1" }]);
});

Deno.test("a stop drops waiting runs and waits for the current one", async () => {
  const fixture = new QueueFixture();
  fixture.fire(1, "queue");
  fixture.fire(2, "queue");
  let stopped = false;
  const stopping = fixture.queue.stop().then(() => stopped = true);
  await setImmediate();
  assert.equal(stopped, false);
  await fixture.release();
  await stopping;
  assert.deepEqual(fixture.ended, ["1"]);
});

Deno.test("a stop with a reason aborts the current run", async () => {
  const fixture = new QueueFixture();
  fixture.fire(1, "skip");
  await fixture.queue.stop(new Error("enough"));
  assert.deepEqual(fixture.ended, ["1: enough"]);
  await fixture.queue.stop(new Error("once more"));
});
