/** Tests of usage. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { UsageEntry } from "../../../src/store/usage_store.ts";
import { accepted, claimed, ending, request } from "./samples.ts";
import type { StoreTest } from "./store.ts";

const noon = Date.UTC(2026, 0, 31, 12);

function entry(fields: Partial<UsageEntry> = {}): UsageEntry {
  return {
    userKey: "test:ada",
    channelKey: "test:channel-1",
    model: "model-1",
    purpose: "reply",
    inputTokens: 10,
    cachedTokens: 4,
    outputTokens: 3,
    costNanos: 7,
    estimated: false,
    at: noon,
    ...fields,
  };
}

const sums = (requests: number) => ({
  requests,
  inputTokens: 10 * requests,
  cachedTokens: 4 * requests,
  outputTokens: 3 * requests,
  costNanos: 7 * requests,
});

/** Declares the tests. */
export function testUsage(test: StoreTest): void {
  test("usage is stored together with the outcome", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    const end = { ...ending(), usage: [entry(), entry({ model: "model-2" })] };
    assert.equal(await store.requests.finish({ ...claim, fence: claim.fence - 1 }, end), false);
    assert.deepEqual((await store.usage.total()).requests, 0);
    assert.equal(await store.requests.finish(claim, end), true);
    assert.equal(await store.requests.finish(claim, end), false);
    assert.deepEqual(await store.usage.total(), {
      key: "total",
      ...sums(2),
      estimated: sums(0),
    });
  });

  test("usage is stored together with a round", async (store) => {
    const { claim } = await claimed(store, await accepted(store, request("a")));
    const round = { index: 0, text: "", calls: [], usage: [entry()] };
    const lost = { ...claim, fence: claim.fence - 1 };
    assert.equal(await store.requests.recordRound(lost, round), false);
    assert.equal((await store.usage.total()).requests, 0);
    assert.equal(await store.requests.recordRound(claim, round), true);
    assert.equal((await store.usage.total()).requests, 1);
  });

  test("usage is summed by group, separately for estimates", async (store) => {
    await store.usage.add([
      entry(),
      entry({ estimated: true }),
      entry({ userKey: "test:bob", channelKey: "test:channel-2", at: noon + 86_400_000 }),
      entry({ model: "model-2", purpose: "memory", costNanos: 100 }),
    ]);
    const keys = async (by: "user" | "channel" | "model" | "day" | "purpose") =>
      (await store.usage.sums({ by })).map(({ key, requests }) => [key, requests]);
    assert.deepEqual(await keys("user"), [["test:ada", 3], ["test:bob", 1]]);
    assert.deepEqual(await keys("channel"), [["test:channel-1", 3], ["test:channel-2", 1]]);
    assert.deepEqual(await keys("model"), [["model-2", 1], ["model-1", 3]]);
    assert.deepEqual(await keys("day"), [["2026-01-31", 3], ["2026-02-01", 1]]);
    assert.deepEqual(await keys("purpose"), [["memory", 1], ["reply", 3]]);
    const [, row] = await store.usage.sums({ by: "model" });
    assert.deepEqual(row, { key: "model-1", ...sums(3), estimated: sums(1) });
  });

  test("a range of days includes both ends", async (store) => {
    const days = [0, 1, 2, 3].map((day) => entry({ at: noon + day * 86_400_000 }));
    await store.usage.add(days);
    const range = { from: "2026-02-01", to: "2026-02-02" };
    const found = await store.usage.sums({ by: "day", ...range });
    assert.deepEqual(found.map(({ key }) => key), ["2026-02-01", "2026-02-02"]);
    assert.equal((await store.usage.total(range)).requests, 2);
    assert.equal((await store.usage.total({ from: "2026-02-03" })).requests, 1);
  });

  test("a user's spending is summed by UTC day", async (store) => {
    await store.usage.add([
      entry({ at: Date.UTC(2026, 0, 30, 23, 59, 59, 999) }),
      entry({ at: Date.UTC(2026, 0, 31) }),
      entry({ estimated: true, purpose: "memory" }),
      entry({ userKey: "test:bob" }),
    ]);
    const { usage } = store;
    assert.deepEqual(await usage.spent({ userKey: "test:ada", at: noon }), {
      tokens: 26,
      costNanos: 14,
    });
    assert.deepEqual(await usage.spent({ userKey: "test:eve", at: noon }), {
      tokens: 0,
      costNanos: 0,
    });
  });

  test("forgetting a user deletes only that user's usage", async (store) => {
    await store.usage.add([entry(), entry({ model: "model-2" }), entry({ userKey: "test:bob" })]);
    const gone = await store.forget.forget({ platform: "test", userId: "ada" });
    assert.equal(gone?.usage, 2);
    const rows = await store.usage.sums({ by: "user" });
    assert.deepEqual(rows.map(({ key }) => key), ["test:bob"]);
  });
}
