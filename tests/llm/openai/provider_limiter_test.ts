import assert from "node:assert/strict";
import { GatewayError } from "../../../src/domain/errors.ts";
import { ProviderLimiter } from "../../../src/llm/openai/provider_limiter.ts";
import { within } from "../../support/deadline.ts";
import { WallClock } from "../../support/wall_clock.ts";

const { signal } = new AbortController();

/** Lets pending promises and timers run. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("requests up to the limit run concurrently, and the others follow in order", async () => {
  const limiter = new ProviderLimiter({ maxConcurrent: 2 });
  const order: number[] = [];
  const releases: (() => void)[] = [];
  const entering = [0, 1, 2, 3].map(async (number) => {
    const release = await limiter.enter(signal);
    order.push(number);
    releases.push(release);
  });
  await settled();
  assert.deepEqual(order, [0, 1]);
  releases[1]!();
  await settled();
  assert.deepEqual(order, [0, 1, 2]);
  releases[0]!();
  await Promise.all(entering);
  assert.deepEqual(order, [0, 1, 2, 3]);
});

Deno.test("without limits, no request waits", async () => {
  const limiter = new ProviderLimiter({});
  for (let count = 0; count < 1000; count++) await limiter.enter(signal);
});

Deno.test("a request cancelled while it waits is skipped", async () => {
  const limiter = new ProviderLimiter({ maxConcurrent: 1 });
  const release = await limiter.enter(signal);
  const caller = new AbortController();
  const waiting = limiter.enter(caller.signal);
  const next = limiter.enter(signal);
  caller.abort(new Error("changed my mind"));
  await assert.rejects(waiting, /changed my mind/);
  release();
  (await within(next, { what: "the next request" }))();
  await within(limiter.enter(signal), { what: "a free slot" });
});

Deno.test("a request that was already cancelled is not started", async () => {
  const limiter = new ProviderLimiter({ maxConcurrent: 1 });
  await assert.rejects(limiter.enter(AbortSignal.abort(new Error("gone"))), /gone/);
  await within(limiter.enter(signal), { what: "the free slot" });
});

Deno.test("a full queue refuses further requests, and the waiting ones continue", async () => {
  const limiter = new ProviderLimiter({ maxConcurrent: 1, maxWaiting: 1 });
  const release = await limiter.enter(signal);
  const waiting = limiter.enter(signal);
  await assert.rejects(limiter.enter(signal), (error) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, "rate_limited");
    assert.equal(error.recoverable, true);
    return true;
  });
  release();
  await within(waiting, { what: "the waiting request" });
});

Deno.test("requests up to the limit start within a minute, and the next one when the first is a minute old", async () => {
  let now = 0;
  const limiter = new ProviderLimiter({ requestsPerMinute: 2, minuteMs: 50, now: () => now });
  (await limiter.enter(signal))();
  now = 30;
  (await limiter.enter(signal))();
  let entered = false;
  const third = limiter.enter(signal).then(() => entered = true);
  await settled();
  assert.equal(entered, false);
  // The timer reads the clock again before it admits the request.
  now = 50;
  await within(third, { what: "the third request" });
});

Deno.test("a clock that is set back does not lengthen a minute", async () => {
  using clock = new WallClock();
  const limiter = new ProviderLimiter({ requestsPerMinute: 1, minuteMs: 50 });
  (await limiter.enter(signal))();
  clock.setBack(3_600_000);
  await within(limiter.enter(signal), { what: "the second request" });
});

Deno.test("a cancelled request leaves no timer behind", async () => {
  const limiter = new ProviderLimiter({ requestsPerMinute: 1 });
  (await limiter.enter(signal))();
  const caller = new AbortController();
  const waiting = limiter.enter(caller.signal);
  caller.abort(new Error("no"));
  await assert.rejects(waiting, /no/);
});
