import assert from "node:assert/strict";
import { Deadline, TimeoutError } from "../../src/lib/deadline.ts";

const never = new Promise<never>(() => {});

Deno.test("a deadline aborts its signal when the time is up", async () => {
  using deadline = new Deadline({ ms: 1 });
  await assert.rejects(deadline.race(never), new TimeoutError("no answer within 0.001 s"));
  assert.equal(deadline.timedOut, true);
  assert.equal(deadline.signal.aborted, true);
});

Deno.test("a deadline can have a reason of its own", async () => {
  const reason = new Error("too slow");
  using deadline = new Deadline({ ms: 1, reason });
  await assert.rejects(deadline.race(never), reason);
});

Deno.test("an abort from outside does not count as a time-out", async () => {
  const outer = new AbortController();
  using deadline = new Deadline({ ms: 60_000, signal: outer.signal });
  assert.equal(deadline.signal.aborted, false);
  const reason = new Error("cancelled");
  outer.abort(reason);
  await assert.rejects(deadline.race(never), reason);
  assert.equal(deadline.timedOut, false);
});

Deno.test("a deadline with an aborted signal is aborted from the start", async () => {
  const reason = new Error("cancelled");
  using deadline = new Deadline({ ms: 60_000, signal: AbortSignal.abort(reason) });
  assert.equal(deadline.signal.reason, reason);
  await assert.rejects(deadline.race(never), reason);
});

Deno.test("an operation that ends in time settles as it does without a deadline", async () => {
  using deadline = new Deadline({ ms: 60_000 });
  assert.equal(await deadline.race(Promise.resolve(1)), 1);
  await assert.rejects(deadline.race(Promise.reject(new Error("broken"))), /^Error: broken$/);
});
