import assert from "node:assert/strict";
import { Backoff, backoffMs } from "../../src/lib/backoff.ts";

Deno.test("each delay is twice the last, up to the maximum", () => {
  const options = { firstMs: 100, maxMs: 500 };
  assert.deepEqual([1, 2, 3, 4, 5].map((n) => backoffMs(n, options)), [100, 200, 400, 500, 500]);
});

Deno.test("the delay stays finite after any number of failures", () => {
  assert.equal(backoffMs(5_000, { firstMs: 0, maxMs: 500 }), 0);
  assert.equal(backoffMs(5_000, { firstMs: 1, maxMs: 500 }), 500);
});

Deno.test("the factor is configurable", () => {
  assert.equal(backoffMs(3, { firstMs: 10, factor: 3 }), 90);
});

Deno.test("jitter randomizes only its share of the delay", () => {
  const options = { firstMs: 100, jitter: 0.5 };
  assert.equal(backoffMs(1, { ...options, random: () => 0 }), 50);
  assert.equal(backoffMs(1, { ...options, random: () => 1 }), 100);
});

Deno.test("a reset starts over with the first delay", () => {
  const backoff = new Backoff({ firstMs: 10 });
  assert.deepEqual([backoff.next(), backoff.next()], [10, 20]);
  backoff.reset();
  assert.equal(backoff.next(), 10);
});
