/** How long models rest after failures, and which of them is asked next. */

import assert from "node:assert/strict";
import { GatewayError } from "../../src/domain/errors.ts";
import { Cooldowns } from "../../src/llm/cooldowns.ts";
import { type FailureKind, type LlmFailure, retryAfterMs } from "../../src/llm/failure.ts";
import type { Model } from "../../src/llm/catalog.ts";
import { ModelChoice } from "../../src/llm/openai/model_choice.ts";

const times = { firstMs: 1000, longestMs: 5000, refusedMs: 60_000 };
const provider = { name: "p", headers: {}, stallMs: 60_000, totalMs: 600_000 };
const model = (name: string): Model => ({ name, id: name, provider });
const [a, b] = [model("a"), model("b")];

function failure(kind: FailureKind, fields: Partial<LlmFailure> = {}): LlmFailure {
  const recoverable = kind === "cooldown" || kind === "silent";
  const error = new GatewayError("llm_unavailable", kind, { recoverable });
  return { kind, error, ...fields };
}

Deno.test("the cooldown grows with each failure up to a limit, and an answer resets it", () => {
  const coolDowns = new Cooldowns(times);
  const rests: unknown[] = [];
  let now = 0;
  for (let count = 0; count < 5; count++) {
    rests.push(coolDowns.failed("a", { failure: failure("cooldown"), startedAt: now, now }));
    now += 10_000;
  }
  assert.deepEqual(rests, [1000, 2000, 4000, 5000, 5000]);
  coolDowns.succeeded("a", { startedAt: now });
  assert.equal(coolDowns.failed("a", { failure: failure("cooldown"), startedAt: now, now }), 1000);
});

Deno.test("requests that failed together count as one failure", () => {
  const coolDowns = new Cooldowns(times);
  coolDowns.failed("a", { failure: failure("cooldown"), startedAt: 0, now: 100 });
  for (let count = 0; count < 50; count++) {
    coolDowns.failed("a", { failure: failure("cooldown"), startedAt: 50, now: 110 });
  }
  assert.equal(coolDowns.remaining("a", 110).ms, 1000);
});

Deno.test("an answer to a request from before the outage does not end the cooldown", () => {
  const coolDowns = new Cooldowns(times);
  coolDowns.failed("a", { failure: failure("cooldown"), startedAt: 100, now: 200 });
  coolDowns.succeeded("a", { startedAt: 50 });
  assert.equal(coolDowns.remaining("a", 200).ms, 1000);
  assert.equal(coolDowns.remaining("a", 1200).ms, 0);
});

Deno.test("Retry-After sets the cooldown, and a refused key causes a long one", () => {
  const coolDowns = new Cooldowns(times);
  const busy = failure("cooldown", { retryAfterMs: 30_000 });
  coolDowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  assert.deepEqual(coolDowns.remaining("a", 0), { ms: 30_000, askedMs: 30_000 });
  coolDowns.failed("b", { failure: failure("refused"), startedAt: 0, now: 0 });
  assert.deepEqual(coolDowns.remaining("b", 0), { ms: 60_000, askedMs: 0 });
  for (const kind of ["fatal", "skip"] as const) {
    assert.equal(
      coolDowns.failed("c", { failure: failure(kind), startedAt: 0, now: 0 }),
      undefined,
    );
  }
});

Deno.test("Retry-After is read in seconds, as a date and in milliseconds", () => {
  const now = Date.UTC(2026, 0, 1);
  const read = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), now);
  assert.equal(read({ "retry-after": "7" }), 7000);
  assert.equal(read({ "retry-after": "0.5" }), 500);
  assert.equal(read({ "retry-after": new Date(now + 90_000).toUTCString() }), 90_000);
  assert.equal(read({ "retry-after": new Date(now - 90_000).toUTCString() }), 0);
  assert.equal(read({ "retry-after-ms": "250", "retry-after": "7" }), 250);
  assert.equal(read({ "retry-after": "999999999" }), 3_600_000);
  assert.equal(read({ "retry-after": "soon" }), undefined);
  assert.equal(read({}), undefined);
});

Deno.test("the first model without a cooldown is next, and after its cooldown the first one again", () => {
  const coolDowns = new Cooldowns(times);
  coolDowns.failed("a", { failure: failure("cooldown"), startedAt: 0, now: 0 });
  const next = (now: number) => new ModelChoice([a, b], coolDowns).next({ now, elapsedMs: 0 });
  assert.deepEqual(next(999), { model: b, waitMs: 0 });
  assert.deepEqual(next(1000), { model: a, waitMs: 0 });
});

Deno.test("a single model is tried three times despite its cooldown, with growing delays", () => {
  const coolDowns = new Cooldowns(times);
  const choice = new ModelChoice([a], coolDowns);
  const waits: unknown[] = [];
  for (let now = 0;; now += 1) {
    const found = choice.next({ now, elapsedMs: now });
    if (!found) break;
    waits.push(found.waitMs);
    coolDowns.failed("a", { failure: failure("cooldown"), startedAt: now, now });
    choice.failed(a, failure("cooldown"));
  }
  assert.deepEqual(waits, [0, 500, 1000]);
  assert.equal(choice.error.message, "cooldown");
});

Deno.test("a provider that asked for a long pause gets no request, and the error says how long", () => {
  const coolDowns = new Cooldowns(times);
  const busy = failure("cooldown", { retryAfterMs: 30_000 });
  coolDowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  const choice = new ModelChoice([a], coolDowns);
  assert.equal(choice.next({ now: 1000, elapsedMs: 0 }), undefined);
  assert.match(choice.error.message, /Try again in 29 seconds/);
  assert.deepEqual(choice.error.details, { retry_after_ms: 29_000 });
});

Deno.test("the request that finds a provider busy also gets the pause in its error", () => {
  const coolDowns = new Cooldowns(times);
  const choice = new ModelChoice([a], coolDowns);
  assert.ok(choice.next({ now: 0, elapsedMs: 0 }));
  const busy = failure("cooldown", { retryAfterMs: 30_000 });
  coolDowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  choice.failed(a, busy);
  assert.equal(choice.next({ now: 1000, elapsedMs: 1000 }), undefined);
  assert.equal(choice.error.message, "cooldown");
  assert.deepEqual(choice.error.details, { retry_after_ms: 29_000 });
});

Deno.test("our own cooldown and a requested pause are kept apart", () => {
  const coolDowns = new Cooldowns(times);
  const fail = (fields: Partial<LlmFailure>, now: number) =>
    coolDowns.failed("a", { failure: failure("cooldown", fields), startedAt: now, now });
  fail({}, 0);
  fail({ retryAfterMs: 1 }, 0);
  assert.deepEqual(coolDowns.remaining("a", 0), { ms: 1000, askedMs: 1 });
  fail({ retryAfterMs: 30_000 }, 10);
  fail({}, 10);
  assert.deepEqual(coolDowns.remaining("a", 10), { ms: 30_000, askedMs: 30_000 });
  assert.equal(new ModelChoice([a], coolDowns).next({ now: 10, elapsedMs: 0 }), undefined);
});

Deno.test("a model that timed out, refused or cannot answer is not asked again for the same request", () => {
  for (const kind of ["silent", "refused", "skip"] as const) {
    const choice = new ModelChoice([a, b], new Cooldowns(times));
    assert.equal(choice.next({ now: 0, elapsedMs: 0 })?.model, a);
    choice.failed(a, failure(kind));
    assert.equal(choice.next({ now: 0, elapsedMs: 0 })?.model, b);
    choice.failed(b, failure("refused"));
    assert.equal(choice.next({ now: 0, elapsedMs: 0 }), undefined);
  }
});

Deno.test("of several failures, a temporary one is reported", () => {
  const choice = new ModelChoice([a, b], new Cooldowns(times));
  choice.failed(a, failure("silent"));
  choice.failed(b, failure("refused"));
  assert.equal(choice.error.message, "silent");
});

Deno.test("no delay exceeds the total time of a request", () => {
  const coolDowns = new Cooldowns(times);
  const busy = failure("cooldown", { retryAfterMs: 5000 });
  coolDowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  const choice = new ModelChoice([a], coolDowns);
  assert.equal(choice.next({ now: 0, elapsedMs: 596_000 }), undefined);
  assert.equal(choice.next({ now: 5000, elapsedMs: 600_000 }), undefined);
  assert.equal(choice.next({ now: 0, elapsedMs: 594_000 })?.waitMs, 5000);
});
