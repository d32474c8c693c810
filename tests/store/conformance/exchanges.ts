/** Tests of pending exchanges. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Exchange } from "../../../src/store/exchange_store.ts";
import type { Store } from "../../../src/store/store.ts";
import { accepted, claimed, ending, request } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** Finishes a request with an exchange. Returns its sequence number. */
async function addExchange(store: Store, key: string, userKey = "test:user-1"): Promise<number> {
  const seq = await accepted(store, request(key));
  const { claim } = await claimed(store, seq);
  await store.requests.finish(claim, { ...ending(), exchange: exchangeOf(key, userKey) });
  return seq;
}

function exchangeOf(key: string, userKey = "test:user-1"): Exchange {
  return {
    key,
    userKey,
    userName: "Ada",
    channelKey: "channel-1",
    channelType: "dm",
    question: "it's\0 \u{1F600}",
    answer: "",
    at: 3000,
  };
}

async function pendingKeys(store: Store, without?: readonly string[]): Promise<readonly string[]> {
  return (await store.exchanges.pending({ limit: 9, without })).map(({ key }) => key);
}

/** Declares the tests. */
export function testExchanges(test: StoreTest): void {
  test("a pending exchange is stored with all its fields and its number of attempts", async (store) => {
    const seq = await addExchange(store, "a");
    assert.equal(await store.exchanges.recordAttempt(seq), true);
    assert.equal(await store.exchanges.recordAttempt(9999), false);
    const pending = await store.exchanges.pending({ limit: 9 });
    assert.deepEqual(pending, [{ ...exchangeOf("a"), seq, attempts: 1 }]);
  });

  test("the oldest exchange of each user is pending, fewest attempts first", async (store) => {
    const first = await addExchange(store, "a");
    await addExchange(store, "b");
    await addExchange(store, "c", "test:user-2");
    assert.deepEqual(await pendingKeys(store), ["a", "c"]);
    await store.exchanges.recordAttempt(first);
    assert.deepEqual(await pendingKeys(store), ["c", "a"]);
    assert.deepEqual(await pendingKeys(store, ["test:user-1"]), ["c"]);
    await store.exchanges.remove(first);
    await store.exchanges.remove(first);
    assert.deepEqual(await pendingKeys(store), ["b", "c"]);
  });

  test("all but the newest exchanges are trimmed", async (store) => {
    for (const key of ["a", "b", "c"]) await addExchange(store, key, `test:${key}`);
    assert.equal(await store.exchanges.trim({ keep: 3 }), 0);
    assert.equal(await store.exchanges.trim({ keep: 1 }), 2);
    assert.equal(await store.exchanges.count(), 1);
    assert.deepEqual(await pendingKeys(store), ["c"]);
  });

  test("an exchange is learned once, without deleting memories that a tool added", async (store) => {
    const { memories } = store;
    const memory = { userKey: "test:user-1", private: false, channelKey: "c", createdAt: 1 };
    const add = async (text: string, source: "tool" | "turn") =>
      (await memories.add({ ...memory, text, source }, { cap: 9 })).memory.id;
    const drop = [await add("by tool", "tool"), await add("outdated", "turn")];
    const seq = await addExchange(store, "a");
    const learned = { seq, userKey: "test:user-1", add: [{ ...memory, text: "new" }], drop };
    assert.equal(await memories.learn(learned, { cap: 9 }), true);
    assert.equal(await memories.learn({ ...learned, add: [] }, { cap: 9 }), false);
    assert.equal(await store.exchanges.count(), 0);
    const view = { userKey: "test:user-1", includePrivate: true, limit: 9 };
    assert.deepEqual((await memories.recent(view)).map(({ text }) => text), ["new", "by tool"]);
  });

  test("deleting a user's memories deletes pending exchanges too", async (store) => {
    await addExchange(store, "a");
    await addExchange(store, "b", "test:user-2");
    assert.equal(await store.memories.removeAll("test:user-1"), 0);
    assert.deepEqual(await pendingKeys(store), ["b"]);
  });
}
