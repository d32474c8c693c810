import assert from "node:assert/strict";
import { GatewayError } from "../../../src/domain/errors.ts";
import type { Model } from "../../../src/llm/catalog.ts";
import { Cooldowns } from "../../../src/llm/cooldowns.ts";
import type { FailureKind, LlmFailure } from "../../../src/llm/failure.ts";
import { ModelSelector } from "../../../src/llm/openai/model_selector.ts";

const times = { firstMs: 1000, longestMs: 5000, refusedMs: 60_000 };
const provider = { name: "p", headers: {}, stallMs: 60_000, totalMs: 600_000 };
const model = (name: string): Model => ({ name, id: name, provider });
const [a, b] = [model("a"), model("b")];

function failure(kind: FailureKind, fields: Partial<LlmFailure> = {}): LlmFailure {
  const recoverable = kind === "cooldown" || kind === "silent";
  const error = new GatewayError("llm_unavailable", kind, { recoverable });
  return { kind, error, ...fields };
}

Deno.test("the first model without a cooldown is next, and after its cooldown the first one again", () => {
  const cooldowns = new Cooldowns(times);
  cooldowns.failed("a", { failure: failure("cooldown"), startedAt: 0, now: 0 });
  const next = (now: number) => new ModelSelector([a, b], cooldowns).next({ now, elapsedMs: 0 });
  assert.deepEqual(next(999), { model: b, waitMs: 0 });
  assert.deepEqual(next(1000), { model: a, waitMs: 0 });
});

Deno.test("a single model is tried three times despite its cooldown, with growing delays", () => {
  const cooldowns = new Cooldowns(times);
  const selector = new ModelSelector([a], cooldowns);
  const waits: unknown[] = [];
  for (let now = 0;; now += 1) {
    const found = selector.next({ now, elapsedMs: now });
    if (!found) break;
    waits.push(found.waitMs);
    cooldowns.failed("a", { failure: failure("cooldown"), startedAt: now, now });
    selector.failed(a, failure("cooldown"));
  }
  assert.deepEqual(waits, [0, 500, 1000]);
  assert.equal(selector.error.message, "cooldown");
});

Deno.test("a provider that requested a long wait gets no request, and the error says how long", () => {
  const cooldowns = new Cooldowns(times);
  const busy = failure("cooldown", { retryAfterMs: 30_000 });
  cooldowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  const selector = new ModelSelector([a], cooldowns);
  assert.equal(selector.next({ now: 1000, elapsedMs: 0 }), undefined);
  assert.match(selector.error.message, /Try again in 29 seconds/);
  assert.deepEqual(selector.error.details, { retry_after_ms: 29_000 });
});

Deno.test("the error of the request that found a provider busy also says how long to wait", () => {
  const cooldowns = new Cooldowns(times);
  const selector = new ModelSelector([a], cooldowns);
  assert.ok(selector.next({ now: 0, elapsedMs: 0 }));
  const busy = failure("cooldown", { retryAfterMs: 30_000 });
  cooldowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  selector.failed(a, busy);
  assert.equal(selector.next({ now: 1000, elapsedMs: 1000 }), undefined);
  assert.equal(selector.error.message, "cooldown");
  assert.deepEqual(selector.error.details, { retry_after_ms: 29_000 });
});

Deno.test("a model that timed out, refused or cannot answer is not tried again for the same request", () => {
  for (const kind of ["silent", "refused", "skip"] as const) {
    const selector = new ModelSelector([a, b], new Cooldowns(times));
    assert.equal(selector.next({ now: 0, elapsedMs: 0 })?.model, a);
    selector.failed(a, failure(kind));
    assert.equal(selector.next({ now: 0, elapsedMs: 0 })?.model, b);
    selector.failed(b, failure("refused"));
    assert.equal(selector.next({ now: 0, elapsedMs: 0 }), undefined);
  }
});

Deno.test("of several failures, a temporary one is reported", () => {
  const selector = new ModelSelector([a, b], new Cooldowns(times));
  selector.failed(a, failure("silent"));
  selector.failed(b, failure("refused"));
  assert.equal(selector.error.message, "silent");
});

Deno.test("no delay exceeds the total time of a request", () => {
  const cooldowns = new Cooldowns(times);
  const busy = failure("cooldown", { retryAfterMs: 5000 });
  cooldowns.failed("a", { failure: busy, startedAt: 0, now: 0 });
  const selector = new ModelSelector([a], cooldowns);
  assert.equal(selector.next({ now: 0, elapsedMs: 596_000 }), undefined);
  assert.equal(selector.next({ now: 5000, elapsedMs: 600_000 }), undefined);
  assert.equal(selector.next({ now: 0, elapsedMs: 594_000 })?.waitMs, 5000);
});

Deno.test("a failure without Retry-After does not shorten a wait that the provider requested", () => {
  const cooldowns = new Cooldowns(times);
  const busy = failure("cooldown", { retryAfterMs: 30_000 });
  cooldowns.failed("a", { failure: busy, startedAt: 10, now: 10 });
  cooldowns.failed("a", { failure: failure("cooldown"), startedAt: 10, now: 10 });
  assert.equal(new ModelSelector([a], cooldowns).next({ now: 10, elapsedMs: 0 }), undefined);
});
