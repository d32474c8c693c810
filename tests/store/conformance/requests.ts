/** The promises about requests, from acceptance to outcome. Part of the store's conformance suite. */

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
export function testRequests(promises: StoreTest): void {
  testAccept(promises);
  testClaim(promises);
}

function testAccept(promises: StoreTest): void {
  promises("a new message is accepted and given back as the router needs it", async (store) => {
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

  promises("the same message again is a duplicate, with the state of the first", async (store) => {
    const seq = await accepted(store, request("a"));
    const again = () => store.requests.accept(request("a", { now: 9999, hasCapacity: false }));
    assert.deepEqual(await again(), { type: "duplicate", seq, state: "queued" });
    const { claim } = await claimed(store, seq);
    assert.deepEqual(await again(), { type: "duplicate", seq, state: "running" });
    await store.requests.finish(claim, ending());
    assert.deepEqual(await again(), { type: "duplicate", seq, state: "done" });
  });

  promises("the same message twice at the same time is accepted once", async (store) => {
    const both = await Promise.all([1, 2].map(() => store.requests.accept(request("a"))));
    assert.deepEqual(both.map(({ type }) => type), ["accepted", "duplicate"]);
  });

  promises("the same id with another content is a conflict, even when done", async (store) => {
    const { claim } = await claimed(store, await accepted(store, request("a")));
    const other = () =>
      store.requests.accept(request("a", { digest: "other", hasCapacity: false }));
    assert.deepEqual(await other(), { type: "conflict" });
    await store.requests.finish(claim, ending());
    assert.deepEqual(await other(), { type: "conflict" });
  });

  promises("the same id from another node is another message", async (store) => {
    const first = await accepted(store, request("a"));
    assert.notEqual(await accepted(store, request("a", { nodeId: "node-2" })), first);
  });

  promises("a new message is refused where there is no room for it", async (store) => {
    assert.deepEqual(await store.requests.accept(request("a", { hasCapacity: false })), {
      type: "full",
    });
    assert.deepEqual(await store.requests.unfinished(), []);
  });

  promises("the unfinished come running first, then in order of acceptance", async (store) => {
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

  promises("a message that waits can be cancelled, once", async (store) => {
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

  promises("a message that runs or is done or unknown is not cancelled", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    assert.equal(await store.requests.cancelQueued({ seq, owner: "me", now: 1 }), undefined);
    assert.equal(await store.requests.finish(claim, ending()), true);
    assert.equal(await store.requests.cancelQueued({ seq, owner: "me", now: 1 }), undefined);
    assert.equal(await store.requests.cancelQueued({ seq: 999, owner: "me", now: 1 }), undefined);
  });

  promises(
    "a message that ran when another gateway died waits, and can be cancelled",
    async (store) => {
      const cancel = (seq: number) => store.requests.cancelQueued({ seq, owner: "me", now: 1 });
      const held = await accepted(store, request("a"));
      await claimed(store, held, "dead");
      assert.deepEqual(await cancel(held), { platform: "test", message: message("a") });
      const passed = await accepted(store, request("b"));
      await claimed(store, passed, "dead");
      const running = await accepted(store, request("c"));
      const { claim } = await claimed(store, running);
      assert.deepEqual(await cancel(passed), { platform: "test", message: message("b") });
      assert.equal(await cancel(running), undefined);
      assert.equal(await store.requests.finish(claim, ending()), true);
    },
  );
}

function testClaim(promises: StoreTest): void {
  promises("a claim gives the whole message back", async (store) => {
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

  promises("a message is claimed with its acceptance as it would be after it", async (store) => {
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

  promises(
    "a claim that came with the acceptance is lost to a later one, and counts",
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

  promises("a message that is known or has no room is not claimed", async (store) => {
    const claim = { owner: "other", now: 2000, idleBefore: 0 };
    const running = await claimed(store, await accepted(store, request("a")));
    const known = await store.requests.accept({ ...request("a"), claim });
    assert.equal(known.type, "duplicate");
    const refused = await store.requests.accept({ ...request("b", { hasCapacity: false }), claim });
    assert.equal(refused.type, "full");
    assert.equal(await store.requests.finish(running.claim, ending()), true);
  });

  promises("a claim finds its user's session in use, and no other", async (store) => {
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
    // One that was idle for too long stays so: it is over.
    await store.requests.claim(seq, { owner: "me", now: 9000, idleBefore: 5000 });
    assert.equal((await store.sessions.get("s1"))?.activeAt, 2000);
  });

  promises("what is done or unknown cannot be claimed", async (store) => {
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

  promises("a claim counts as an attempt, and a released one does not", async (store) => {
    const seq = await accepted(store, request("a"));
    assert.equal((await claimed(store, seq)).attempt, 1);
    const second = await claimed(store, seq);
    assert.equal(second.attempt, 2);
    await store.requests.release(second.claim);
    assert.equal((await claimed(store, seq)).attempt, 2);
  });

  promises("a released request waits at its old place", async (store) => {
    const [a, b] = [await accepted(store, request("a")), await accepted(store, request("b"))];
    const { claim } = await claimed(store, a);
    await store.requests.release(claim);
    assert.deepEqual((await store.requests.unfinished()).map(({ seq }) => seq), [a, b]);
    assert.equal((await store.figures()).queued, 2);
    assert.equal(await store.requests.finish(claim, ending()), false);
    assert.ok(await store.requests.cancelQueued({ seq: a, owner: "me", now: 1 }));
  });

  promises("a later claim of the request ends the earlier one", async (store) => {
    const seq = await accepted(store, request("a"));
    const old = (await claimed(store, seq, "old")).claim;
    const { claim } = await claimed(store, seq, "new");
    assert.ok(claim.fence > old.fence);
    assert.equal(await store.requests.finish(old, ending()), false);
    await store.requests.release(old);
    assert.deepEqual(await store.figures().then(({ running }) => running), 1);
    assert.equal(await store.requests.finish(claim, ending()), true);
  });

  promises("a later claim in the same channel ends the earlier one", async (store) => {
    const old = (await claimed(store, await accepted(store, request("a")))).claim;
    const { claim } = await claimed(store, await accepted(store, request("b")));
    assert.equal(await store.requests.finish(old, ending()), false);
    assert.equal(await store.requests.finish(claim, ending()), true);
    assert.equal(await store.requests.reply(old.seq), undefined);
  });

  promises("a claim in another channel harms nobody", async (store) => {
    const { claim } = await claimed(store, await accepted(store, request("a")));
    await claimed(store, await accepted(store, request("b", { channelKey: "channel-2" })));
    assert.equal(await store.requests.finish(claim, ending()), true);
  });

  promises("a request is finished once", async (store) => {
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
