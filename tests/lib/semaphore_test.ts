import assert from "node:assert/strict";
import { Semaphore } from "../../src/lib/semaphore.ts";

const { signal } = new AbortController();

Deno.test("as many as there are slots go on, the others wait in turn", async () => {
  const slots = new Semaphore(2);
  const order: string[] = [];
  const first = await slots.take(signal);
  const second = await slots.take(signal);
  const third = slots.take(signal).then((slot) => (order.push("third"), slot));
  const fourth = slots.take(signal).then((slot) => (order.push("fourth"), slot));
  await Promise.resolve();
  assert.deepEqual(order, []);
  second[Symbol.dispose]();
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  (await fourth)[Symbol.dispose]();
  assert.deepEqual(order, ["third", "fourth"]);
  (await slots.take(signal))[Symbol.dispose]();
});

Deno.test("who gives up waiting takes nobody's slot", async () => {
  const slots = new Semaphore(1);
  const held = await slots.take(signal);
  const cancel = new AbortController();
  const given = assert.rejects(slots.take(cancel.signal), /^Error: enough$/);
  const next = slots.take(signal);
  cancel.abort(new Error("enough"));
  await given;
  held[Symbol.dispose]();
  (await next)[Symbol.dispose]();
  await assert.rejects(slots.take(cancel.signal), /^Error: enough$/);
});
