import assert from "node:assert/strict";
import { Cooldowns } from "../../src/llm/cooldowns.ts";
import type { FailureKind, LlmFailure } from "../../src/llm/failure.ts";

const times = { firstMs: 1000, longestMs: 5000, refusedMs: 60_000 };

type Failure = Pick<LlmFailure, "kind" | "retryAfterMs">;

const failure = (kind: FailureKind, retryAfterMs?: number): Failure => ({ kind, retryAfterMs });

Deno.test("the cooldown grows with each failure up to a limit, and an answer resets it", () => {
  const cooldowns = new Cooldowns(times);
  const durations: unknown[] = [];
  let now = 0;
  for (let count = 0; count < 5; count++) {
    durations.push(cooldowns.failed("a", { failure: failure("cooldown"), startedAt: now, now }));
    now += 10_000;
  }
  assert.deepEqual(durations, [1000, 2000, 4000, 5000, 5000]);
  cooldowns.succeeded("a", { startedAt: now });
  assert.equal(cooldowns.failed("a", { failure: failure("cooldown"), startedAt: now, now }), 1000);
});

Deno.test("concurrent requests that fail count as one failure", () => {
  const cooldowns = new Cooldowns(times);
  cooldowns.failed("a", { failure: failure("cooldown"), startedAt: 0, now: 100 });
  for (let count = 0; count < 50; count++) {
    cooldowns.failed("a", { failure: failure("cooldown"), startedAt: 50, now: 110 });
  }
  assert.equal(cooldowns.remaining("a", 110).ms, 1000);
});

Deno.test("an answer to a request from before the outage does not end the cooldown", () => {
  const cooldowns = new Cooldowns(times);
  cooldowns.failed("a", { failure: failure("cooldown"), startedAt: 100, now: 200 });
  cooldowns.succeeded("a", { startedAt: 50 });
  assert.equal(cooldowns.remaining("a", 200).ms, 1000);
  assert.equal(cooldowns.remaining("a", 1200).ms, 0);
});

Deno.test("Retry-After sets the cooldown, and a refused key causes a long one", () => {
  const cooldowns = new Cooldowns(times);
  const busy = failure("cooldown", 30_000);
  cooldowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  assert.deepEqual(cooldowns.remaining("a", 0), { ms: 30_000, requestedMs: 30_000 });
  cooldowns.failed("b", { failure: failure("refused"), startedAt: 0, now: 0 });
  assert.deepEqual(cooldowns.remaining("b", 0), { ms: 60_000, requestedMs: 0 });
  for (const kind of ["fatal", "skip"] as const) {
    assert.equal(
      cooldowns.failed("c", { failure: failure(kind), startedAt: 0, now: 0 }),
      undefined,
    );
  }
});

Deno.test("the model's own cooldown and a wait requested by the provider are tracked separately", () => {
  const cooldowns = new Cooldowns(times);
  const fail = (now: number, retryAfterMs?: number) =>
    cooldowns.failed("a", { failure: failure("cooldown", retryAfterMs), startedAt: now, now });
  fail(0);
  fail(0, 1);
  assert.deepEqual(cooldowns.remaining("a", 0), { ms: 1000, requestedMs: 1 });
  fail(10, 30_000);
  fail(10);
  assert.deepEqual(cooldowns.remaining("a", 10), { ms: 30_000, requestedMs: 30_000 });
});
