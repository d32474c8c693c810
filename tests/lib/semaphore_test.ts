import assert from "node:assert/strict";
import { Semaphore } from "../../src/lib/semaphore.ts";

const { signal } = new AbortController();

Deno.test("operations beyond the capacity wait and are admitted in order", async () => {
  const slots = new Semaphore(2);
  const order: string[] = [];
  const first = await slots.acquire(signal);
  const second = await slots.acquire(signal);
  const third = slots.acquire(signal).then((slot) => (order.push("third"), slot));
  const fourth = slots.acquire(signal).then((slot) => (order.push("fourth"), slot));
  await Promise.resolve();
  assert.deepEqual(order, []);
  second[Symbol.dispose]();
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  (await fourth)[Symbol.dispose]();
  assert.deepEqual(order, ["third", "fourth"]);
  (await slots.acquire(signal))[Symbol.dispose]();
});

Deno.test("an aborted wait does not use up a slot", async () => {
  const slots = new Semaphore(1);
  const held = await slots.acquire(signal);
  const cancel = new AbortController();
  const aborted = assert.rejects(slots.acquire(cancel.signal), /^Error: enough$/);
  const next = slots.acquire(signal);
  cancel.abort(new Error("enough"));
  await aborted;
  held[Symbol.dispose]();
  (await next)[Symbol.dispose]();
  await assert.rejects(slots.acquire(cancel.signal), /^Error: enough$/);
});

Deno.test("tryAcquire takes a slot only if one is free", () => {
  const slots = new Semaphore(1);
  const held = slots.tryAcquire();
  assert.equal(slots.taken, 1);
  assert.equal(slots.free, false);
  assert.equal(slots.tryAcquire(), undefined);
  held![Symbol.dispose]();
  assert.equal(slots.taken, 0);
});
