/** Tests of finished requests, to delivery and purge. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Outcome } from "../../../src/domain/request.ts";
import { accepted, claimed, ending, finished, reply, request } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** Declares the tests. */
export function testDelivery(test: StoreTest): void {
  test("every kind of outcome is returned unchanged", async (store) => {
    const outcomes: Outcome[] = [reply, { type: "cancelled" }, {
      type: "error",
      code: "llm_timeout",
      message: "too slow",
      recoverable: true,
      partialText: "Hi the",
      details: { after_ms: 5 },
    }];
    for (const outcome of outcomes) {
      const seq = await finished(store, { outcome });
      const kept = await store.requests.reply(seq);
      assert.deepEqual(kept?.outcome, outcome);
      assert.equal(kept?.dialect, "clara-1");
      assert.equal(kept?.nodeId, "node-1");
    }
  });

  test("undelivered replies are listed by node, oldest first, until marked as delivered", async (store) => {
    const first = await finished(store);
    await finished(store, { request: { nodeId: "node-2" } });
    const second = await finished(store);
    await accepted(store, request("waiting"));
    const numbers = async () => (await store.requests.undelivered("node-1")).map(({ seq }) => seq);
    assert.deepEqual(await numbers(), [first, second]);
    await store.requests.markDelivered({ seq: first, now: 1 });
    await store.requests.markDelivered({ seq: first, now: 2 });
    assert.deepEqual(await numbers(), [second]);
    assert.deepEqual((await store.requests.reply(first))?.outcome, reply, "still known");
  });

  test("undelivered replies are returned in pages", async (store) => {
    const numbers: number[] = [];
    for (let count = 0; count < 5; count++) numbers.push(await finished(store));
    const page = async (after?: number) => {
      const replies = await store.requests.undelivered("node-1", { after, limit: 2 });
      return replies.map(({ seq }) => seq);
    };
    assert.deepEqual(await page(), numbers.slice(0, 2));
    assert.deepEqual(await page(numbers[1]), numbers.slice(2, 4));
    assert.deepEqual(await page(numbers[3]), numbers.slice(4));
    assert.deepEqual(await page(numbers[4]), []);
  });

  test("an unfinished or unknown request has no reply", async (store) => {
    assert.equal(await store.requests.reply(await accepted(store, request("a"))), undefined);
    assert.equal(await store.requests.reply(999), undefined);
  });

  test("a purge deletes up to `limit` old finished requests and no others", async (store) => {
    const first = await finished(store, { now: 1000 });
    for (const now of [1001, 1002]) await finished(store, { now });
    const young = await finished(store, { now: 2000 });
    const waiting = await accepted(store, request("waiting"));
    assert.equal(await store.requests.purge({ before: 2000, limit: 2 }), 2);
    assert.equal(await store.requests.purge({ before: 2000, limit: 2 }), 1);
    assert.equal(await store.requests.purge({ before: 2000, limit: 2 }), 0);
    assert.equal(await store.requests.reply(first), undefined);
    assert.ok(await store.requests.reply(young));
    assert.deepEqual((await store.requests.unfinished()).map(({ seq }) => seq), [waiting]);
  });

  test("a message whose request was purged is accepted again, with a higher number", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    await store.requests.finish(claim, ending());
    await store.requests.purge({ before: 9999, limit: 9 });
    assert.ok(await accepted(store, request("a")) > seq);
  });
}
