/** Tests of absorbed requests. Part of the conformance suite. */

import assert from "node:assert/strict";
import { accepted, claimed, ending, message, request, toolResult } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** Declares the tests. */
export function testAbsorbed(test: StoreTest): void {
  test("queued requests are merged into a claimed one and end as cancelled", async (store) => {
    const { requests } = store;
    const seq = await accepted(store, request("a"));
    const others = [await accepted(store, request("b")), await accepted(store, request("c"))];
    const { claim } = await claimed(store, seq);
    const absorbed = await requests.absorb(claim, { seqs: others, round: 2, now: 2500 });
    assert.deepEqual(
      absorbed,
      ["b", "c"].map((id, index) => ({
        seq: others[index],
        nodeId: "node-1",
        platform: "test",
        message: message(id),
        acceptedAt: 1000,
        round: 2,
      })),
    );
    const undelivered = await requests.undelivered("node-1");
    assert.deepEqual(undelivered.map(({ outcome }) => outcome), [
      { type: "cancelled", mergedInto: "a" },
      { type: "cancelled", mergedInto: "a" },
    ]);
    assert.equal(
      await requests.claim(others[0]!, { owner: "me", now: 2600, idleBefore: 0 }),
      undefined,
    );
    // A later attempt gets them too.
    assert.deepEqual((await claimed(store, seq)).absorbed, absorbed);
  });

  test("only queued requests are absorbed, and each only once", async (store) => {
    const { requests } = store;
    const seq = await accepted(store, request("a"));
    const running = await accepted(store, request("b", { channelKey: "channel-2" }));
    const waiting = await accepted(store, request("c"));
    await claimed(store, running);
    const { claim } = await claimed(store, seq);
    const seqs = [running, waiting, 9999];
    const first = await requests.absorb(claim, { seqs, round: -1, now: 2500 });
    assert.deepEqual(first?.map(({ seq }) => seq), [waiting]);
    assert.deepEqual(await requests.absorb(claim, { seqs, round: 0, now: 2600 }), []);
  });

  test(
    "a request that was ever claimed is not absorbed and keeps its journal",
    async (store) => {
      const { requests } = store;
      const released = await accepted(store, request("b"));
      const { claim: first } = await claimed(store, released, "dead");
      const calls = [{ id: "1", name: "look", arguments: "{}" }];
      await requests.recordRound(first, { index: 0, text: "t", calls });
      await requests.recordResult(first, { round: 0, position: 0, result: toolResult });
      await requests.release(first);
      const interrupted = await accepted(store, request("c", { channelKey: "channel-2" }));
      await claimed(store, interrupted, "dead");
      const { claim } = await claimed(store, await accepted(store, request("a")));
      const options = { seqs: [released, interrupted], round: -1, now: 2500 };
      assert.deepEqual(await requests.absorb(claim, options), []);
      assert.deepEqual((await claimed(store, released)).rounds[0]?.results, [toolResult]);
      assert.equal((await claimed(store, interrupted)).attempt, 2);
    },
  );

  test("an invalid claim absorbs nothing", async (store) => {
    const seq = await accepted(store, request("a"));
    const other = await accepted(store, request("b"));
    const { claim } = await claimed(store, seq);
    await claimed(store, seq, "another");
    const { requests } = store;
    const options = { seqs: [other], round: 0, now: 2500 };
    assert.equal(await requests.absorb(claim, options), undefined);
    assert.ok(await requests.claim(other, { owner: "me", now: 2600, idleBefore: 0 }));
  });

  test("finishing a request deletes its absorbed messages", async (store) => {
    const { requests } = store;
    const seq = await accepted(store, request("a"));
    const other = await accepted(store, request("b"));
    const { claim } = await claimed(store, seq);
    await requests.absorb(claim, { seqs: [other], round: 0, now: 2500 });
    assert.equal(await requests.finish(claim, ending()), true);
    const outcomes = (await requests.undelivered("node-1")).map(({ outcome }) => outcome.type);
    assert.deepEqual(outcomes, ["reply", "cancelled"]);
    assert.equal(await requests.purge({ before: 10_000, limit: 10 }), 2);
  });

  test("the size of an unfinished request includes absorbed messages", async (store) => {
    const { requests } = store;
    const given = ["a", "b", "c"].map((id) => request(id));
    const [a, b, c] = await Promise.all(given.map((each) => accepted(store, each)));
    const { claim } = await claimed(store, a!);
    await requests.absorb(claim, { seqs: [b!, c!], round: 0, now: 2500 });
    const [running] = await requests.unfinished();
    assert.equal(running!.bytes, given.reduce((sum, { serialized }) => sum + serialized.bytes, 0));
  });

  test(
    "unfinished requests are listed with overlap, user and thread",
    async (store) => {
      const threaded = { ...message("a"), overlap: "steer" } as const;
      await accepted(store, request("a", { message: threaded }));
      const { threadId: _, ...channel } = message("b").channel;
      await accepted(
        store,
        request("b", { message: message("b", { overlap: undefined, channel }) }),
      );
      const found = await store.requests.unfinished();
      assert.deepEqual(
        found.map(({ overlap, userId, threadId }) => [overlap, userId, threadId]),
        [["steer", "user-1", "thread-1"], ["queue", "user-1", ""]],
      );
    },
  );

  test("the list of unfinished requests shows whether they were ever claimed", async (store) => {
    const released = (await claimed(store, await accepted(store, request("a")))).claim;
    await store.requests.release(released);
    await claimed(store, await accepted(store, request("b")));
    await accepted(store, request("c"));
    const found = await store.requests.unfinished();
    assert.deepEqual(found.map(({ requestId, claimed }) => [requestId, claimed]), [
      ["b", true],
      ["a", true],
      ["c", false],
    ]);
  });
}
