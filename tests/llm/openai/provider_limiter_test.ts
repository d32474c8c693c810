/** The way to a provider: how many at once and in a minute, in which order, and who gives up. */

import assert from "node:assert/strict";
import { GatewayError } from "../../../src/domain/errors.ts";
import { ProviderLimiter } from "../../../src/llm/openai/provider_limiter.ts";
import { within } from "../../support/deadline.ts";
import { WallClock } from "../../support/wall_clock.ts";

const { signal } = new AbortController();

/** Lets all that is ready happen. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("requests up to the limit run concurrently, and the others follow in order", async () => {
  const gate = new ProviderLimiter({ maxConcurrent: 2 });
  const order: number[] = [];
  const leaves: (() => void)[] = [];
  const entering = [0, 1, 2, 3].map(async (number) => {
    const leave = await gate.enter(signal);
    order.push(number);
    leaves.push(leave);
  });
  await settled();
  assert.deepEqual(order, [0, 1]);
  leaves[1]!();
  await settled();
  assert.deepEqual(order, [0, 1, 2]);
  leaves[0]!();
  await Promise.all(entering);
  assert.deepEqual(order, [0, 1, 2, 3]);
});

Deno.test("without limits, no request waits", async () => {
  const gate = new ProviderLimiter({});
  for (let count = 0; count < 1000; count++) await gate.enter(signal);
});

Deno.test("a request cancelled while it waits is skipped", async () => {
  const gate = new ProviderLimiter({ maxConcurrent: 1 });
  const leave = await gate.enter(signal);
  const impatient = new AbortController();
  const given = gate.enter(impatient.signal);
  const next = gate.enter(signal);
  impatient.abort(new Error("changed my mind"));
  await assert.rejects(given, /changed my mind/);
  leave();
  (await within(next, { what: "the next in line" }))();
  await within(gate.enter(signal), { what: "the gate, open again" });
});

Deno.test("a request that was already cancelled is not started", async () => {
  const gate = new ProviderLimiter({ maxConcurrent: 1 });
  await assert.rejects(gate.enter(AbortSignal.abort(new Error("gone"))), /gone/);
  await within(gate.enter(signal), { what: "the free place" });
});

Deno.test("a full queue refuses further requests, and the waiting ones continue", async () => {
  const gate = new ProviderLimiter({ maxConcurrent: 1, maxWaiting: 1 });
  const leave = await gate.enter(signal);
  const waiting = gate.enter(signal);
  await assert.rejects(gate.enter(signal), (error) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, "rate_limited");
    assert.equal(error.recoverable, true);
    return true;
  });
  leave();
  await within(waiting, { what: "the one in line" });
});

Deno.test("requests up to the limit start within a minute, and the next one when the first is a minute old", async () => {
  let now = 0;
  const gate = new ProviderLimiter({ requestsPerMinute: 2, minuteMs: 50, now: () => now });
  (await gate.enter(signal))();
  now = 30;
  (await gate.enter(signal))();
  let entered = false;
  const third = gate.enter(signal).then(() => entered = true);
  await settled();
  assert.equal(entered, false);
  // The timer asks the clock again; only that lets it in.
  now = 50;
  await within(third, { what: "the third request" });
});

Deno.test("a clock that is set back does not lengthen a minute", async () => {
  using clock = new WallClock();
  const gate = new ProviderLimiter({ requestsPerMinute: 1, minuteMs: 50 });
  (await gate.enter(signal))();
  clock.setBack(3_600_000);
  await within(gate.enter(signal), { what: "the second request" });
});

Deno.test("a cancelled request leaves no timer behind", async () => {
  const gate = new ProviderLimiter({ requestsPerMinute: 1 });
  (await gate.enter(signal))();
  const impatient = new AbortController();
  const given = gate.enter(impatient.signal);
  impatient.abort(new Error("no"));
  await assert.rejects(given, /no/);
});
