/** Tests of requests, from acceptance to outcome. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Outcome } from "../../../src/domain/request.ts";
import {
  accepted,
  claimed,
  ending,
  finished,
  message,
  reply,
  request,
  sessionOf,
} from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** Declares the tests. */
export function testRequests(test: StoreTest): void {
  testAccept(test);
  testClaim(test);
}

function testAccept(test: StoreTest): void {
  test("a new message is accepted and returned with what the router needs", async (store) => {
    const given = request("a", { message: message("a", { priority: "high" }) });
    const acceptance = await store.requests.accept(given);
    assert.equal(acceptance.type, "accepted");
    const queued = await store.requests.unfinished();
    assert.deepEqual(queued, [acceptance.type === "accepted" && acceptance.request]);
    const { seq, ...rest } = queued[0]!;
    assert.ok(Number.isSafeInteger(seq));
    assert.deepEqual(rest, {
      nodeId: "node-1",
      requestId: "a",
      channelKey: "channel-1",
      priority: "high",
      overlap: "queue",
      userId: "user-1",
      threadId: "thread-1",
      claimed: false,
      bytes: new TextEncoder().encode(JSON.stringify(given.message)).length,
    });
  });

  test("a resent message is a duplicate with the state of the first", async (store) => {
    const seq = await accepted(store, request("a"));
    const again = () => store.requests.accept(request("a", { now: 9999, hasCapacity: false }));
    assert.deepEqual(await again(), { type: "duplicate", seq, state: "queued" });
    const { claim } = await claimed(store, seq);
    assert.deepEqual(await again(), { type: "duplicate", seq, state: "running" });
    await store.requests.finish(claim, ending());
    assert.deepEqual(await again(), { type: "duplicate", seq, state: "done" });
  });

  test("only one of two identical concurrent messages is accepted", async (store) => {
    const both = await Promise.all([1, 2].map(() => store.requests.accept(request("a"))));
    assert.deepEqual(both.map(({ type }) => type), ["accepted", "duplicate"]);
  });

  test("reusing a request id with other content is a conflict, even after the request is done", async (store) => {
    const { claim } = await claimed(store, await accepted(store, request("a")));
    const other = () =>
      store.requests.accept(request("a", { digest: "other", hasCapacity: false }));
    assert.deepEqual(await other(), { type: "conflict" });
    await store.requests.finish(claim, ending());
    assert.deepEqual(await other(), { type: "conflict" });
  });

  test("the same request id from another node is a different message", async (store) => {
    const first = await accepted(store, request("a"));
    assert.notEqual(await accepted(store, request("a", { nodeId: "node-2" })), first);
  });

  test("a new message is refused if there is no capacity", async (store) => {
    assert.deepEqual(await store.requests.accept(request("a", { hasCapacity: false })), {
      type: "full",
    });
    assert.deepEqual(await store.requests.unfinished(), []);
  });

  test("unfinished requests are listed with running ones first, then in order of acceptance", async (store) => {
    const numbers = await Promise.all(
      ["a", "b", "c", "d"].map((id) => accepted(store, request(id, { channelKey: id }))),
    );
    assert.deepEqual(numbers, numbers.toSorted((one, other) => one - other));
    const [a, b, c, d] = numbers as [number, number, number, number];
    await claimed(store, d);
    await claimed(store, c);
    await store.requests.cancelQueued({ seq: a, owner: "me", now: 1 });
    const order = (await store.requests.unfinished()).map(({ seq }) => seq);
    assert.deepEqual(order, [c, d, b]);
  });

  test("a queued request can be cancelled once", async (store) => {
    const seq = await accepted(store, request("a"));
    const cancelled = await store.requests.cancelQueued({ seq, owner: "me", now: 1 });
    assert.deepEqual(cancelled, { platform: "test", message: message("a") });
    assert.equal(await store.requests.cancelQueued({ seq, owner: "me", now: 2 }), undefined);
    assert.deepEqual((await store.requests.reply(seq))?.outcome, { type: "cancelled" });
    assert.equal(
      await store.requests.claim(seq, { owner: "me", now: 3, idleBefore: 0 }),
      undefined,
    );
  });

  test("a running, done or unknown request is not cancelled", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    assert.equal(await store.requests.cancelQueued({ seq, owner: "me", now: 1 }), undefined);
    assert.equal(await store.requests.finish(claim, ending()), true);
    assert.equal(await store.requests.cancelQueued({ seq, owner: "me", now: 1 }), undefined);
    assert.equal(await store.requests.cancelQueued({ seq: 999, owner: "me", now: 1 }), undefined);
  });

  test(
    "a request that was running when another gateway died counts as queued and can be cancelled",
    async (store) => {
      const cancel = (seq: number) => store.requests.cancelQueued({ seq, owner: "me", now: 1 });
      const abandoned = await accepted(store, request("a"));
      await claimed(store, abandoned, "dead");
      assert.deepEqual(await cancel(abandoned), { platform: "test", message: message("a") });
      const superseded = await accepted(store, request("b"));
      await claimed(store, superseded, "dead");
      const running = await accepted(store, request("c"));
      const { claim } = await claimed(store, running);
      assert.deepEqual(await cancel(superseded), { platform: "test", message: message("b") });
      assert.equal(await cancel(running), undefined);
      assert.equal(await store.requests.finish(claim, ending()), true);
    },
  );
}

function testClaim(test: StoreTest): void {
  test("a claim returns the complete message", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim, ...rest } = await claimed(store, seq);
    assert.equal(claim.seq, seq);
    assert.equal(claim.channelKey, "channel-1");
    assert.deepEqual(rest, {
      nodeId: "node-1",
      platform: "test",
      message: message("a"),
      attempt: 1,
      acceptedAt: 1000,
      claimedAt: 2000,
      rounds: [],
      absorbed: [],
    });
  });

  test("a claim on acceptance returns the same as a later claim", async (store) => {
    const claim = { owner: "me", now: 2000, idleBefore: 0 };
    const both = await store.requests.accept({ ...request("a"), claim });
    assert.ok(both.type === "accepted" && both.request.begun);
    const later = await claimed(
      store,
      await accepted(store, request("b", { channelKey: "other" })),
    );
    const { claim: held, ...rest } = both.request.begun;
    const { claim: _, ...expected } = { ...later, message: message("a") };
    assert.deepEqual(rest, expected);
    assert.deepEqual(held, { ...later.claim, channelKey: "channel-1", seq: both.request.seq });
    assert.deepEqual((await store.figures()).running, 2);
    assert.equal(await store.requests.finish(held, ending()), true);
  });

  test(
    "a claim on acceptance counts as an attempt and is invalidated by a later one",
    async (store) => {
      const claim = { owner: "me", now: 2000, idleBefore: 0 };
      const first = await store.requests.accept({ ...request("a"), claim });
      assert.ok(first.type === "accepted" && first.request.begun);
      const second = await claimed(store, first.request.seq);
      assert.equal(second.attempt, 2);
      assert.equal(await store.requests.finish(first.request.begun.claim, ending()), false);
      assert.equal(await store.requests.finish(second.claim, ending()), true);
    },
  );

  test("a duplicate or refused message is not claimed", async (store) => {
    const claim = { owner: "other", now: 2000, idleBefore: 0 };
    const running = await claimed(store, await accepted(store, request("a")));
    const known = await store.requests.accept({ ...request("a"), claim });
    assert.equal(known.type, "duplicate");
    const refused = await store.requests.accept({ ...request("b", { hasCapacity: false }), claim });
    assert.equal(refused.type, "full");
    assert.equal(await store.requests.finish(running.claim, ending()), true);
  });

  test("a claim touches the user's session and no other", async (store) => {
    const { session } = await store.sessions.open(sessionOf("s1", { now: 1000 }));
    await store.sessions.open(sessionOf("s2", { now: 1000, userId: "user-2" }));
    const plain = message("a", { channel: { id: "channel-1" } });
    const seq = await accepted(store, request("a", { message: plain }));
    await store.requests.claim(seq, { owner: "me", now: 2000, idleBefore: 1000 });
    const { activeAt } = (await store.sessions.get("s1"))!;
    assert.equal(activeAt, 2000);
    assert.equal((await store.sessions.get("s2"))?.activeAt, 1000);
    const again = await store.sessions.open(sessionOf("s3", { now: 2000 }));
    assert.deepEqual(again, { session: { ...session, activeAt: 2000 }, created: false });
    // A session that has been idle too long is not touched.
    await store.requests.claim(seq, { owner: "me", now: 9000, idleBefore: 5000 });
    assert.equal((await store.sessions.get("s1"))?.activeAt, 2000);
  });

  test("a done or unknown request cannot be claimed", async (store) => {
    const seq = await finished(store);
    assert.equal(
      await store.requests.claim(seq, { owner: "me", now: 1, idleBefore: 0 }),
      undefined,
    );
    assert.equal(
      await store.requests.claim(999, { owner: "me", now: 1, idleBefore: 0 }),
      undefined,
    );
  });

  test("a claim counts as an attempt unless it is released", async (store) => {
    const seq = await accepted(store, request("a"));
    assert.equal((await claimed(store, seq)).attempt, 1);
    const second = await claimed(store, seq);
    assert.equal(second.attempt, 2);
    await store.requests.release(second.claim);
    assert.equal((await claimed(store, seq)).attempt, 2);
  });

  test("a released request returns to its old position in the queue", async (store) => {
    const [a, b] = [await accepted(store, request("a")), await accepted(store, request("b"))];
    const { claim } = await claimed(store, a);
    await store.requests.release(claim);
    assert.deepEqual((await store.requests.unfinished()).map(({ seq }) => seq), [a, b]);
    assert.equal((await store.figures()).queued, 2);
    assert.equal(await store.requests.finish(claim, ending()), false);
    assert.ok(await store.requests.cancelQueued({ seq: a, owner: "me", now: 1 }));
  });

  test("a later claim of the same request invalidates the earlier one", async (store) => {
    const seq = await accepted(store, request("a"));
    const old = (await claimed(store, seq, "old")).claim;
    const { claim } = await claimed(store, seq, "new");
    assert.ok(claim.fence > old.fence);
    assert.equal(await store.requests.finish(old, ending()), false);
    await store.requests.release(old);
    assert.deepEqual(await store.figures().then(({ running }) => running), 1);
    assert.equal(await store.requests.finish(claim, ending()), true);
  });

  test("a later claim in the same channel invalidates the earlier one", async (store) => {
    const old = (await claimed(store, await accepted(store, request("a")))).claim;
    const { claim } = await claimed(store, await accepted(store, request("b")));
    assert.equal(await store.requests.finish(old, ending()), false);
    assert.equal(await store.requests.finish(claim, ending()), true);
    assert.equal(await store.requests.reply(old.seq), undefined);
  });

  test("a claim does not invalidate claims in other channels", async (store) => {
    const { claim } = await claimed(store, await accepted(store, request("a")));
    await claimed(store, await accepted(store, request("b", { channelKey: "channel-2" })));
    assert.equal(await store.requests.finish(claim, ending()), true);
  });

  test("a request can be finished only once", async (store) => {
    const { claim } = await claimed(store, await accepted(store, request("a")));
    const outcome: Outcome = { type: "cancelled" };
    const both = await Promise.all([
      store.requests.finish(claim, ending()),
      store.requests.finish(claim, ending({ outcome })),
    ]);
    assert.deepEqual(both, [true, false]);
    assert.deepEqual((await store.requests.reply(claim.seq))?.outcome, reply);
  });
}
