/** Tests of deleting users and of listing and ending sessions. Part of the conformance suite. */

import assert from "node:assert/strict";
import {
  accepted,
  claimed,
  conversation,
  ending,
  finished,
  message,
  request,
  sessionOf,
} from "./samples.ts";
import type { StoreTest } from "./store.ts";

const ada = { platform: "test", userId: "user-1" };

/** Declares the tests. */
export function testForget(test: StoreTest): void {
  test(
    "a user with unfinished requests is not forgotten unless deleting these is allowed",
    async (store) => {
      const seq = await accepted(store, request("a"));
      await claimed(store, await accepted(store, request("b")));
      await accepted(store, request("c", { message: message("c", { user: { id: "user-2" } }) }));
      const unfinished = await store.forget.unfinished(ada);
      assert.deepEqual(unfinished.map(({ requestId }) => requestId), ["a", "b"]);
      assert.equal(await store.forget.forget(ada), undefined);
      assert.equal((await store.requests.unfinished()).length, 3);
      const { requests } = (await store.forget.forget(ada, { unfinishedToo: true }))!;
      assert.equal(requests, 2);
      assert.equal(
        await store.requests.claim(seq, { owner: "me", now: 1, idleBefore: 0 }),
        undefined,
      );
      assert.equal((await store.requests.unfinished()).length, 1);
    },
  );

  test("a user with the same id on another platform is not forgotten", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1" });
    const deleted = await store.forget.forget({ ...ada, platform: "another" });
    assert.ok(Object.values(deleted!).every((count) => count === 0));
    const { requests, history, sessions } = (await store.forget.forget(ada))!;
    assert.deepEqual({ requests, history, sessions }, { requests: 1, history: 2, sessions: 1 });
    await store.forget.scrub();
    const found = await store.history.search({
      channelKey: "channel-1",
      query: "answer",
      limit: 9,
    });
    assert.deepEqual(found, []);
  });

  test(
    "a channel still works after its only user was forgotten",
    async (store) => {
      await finished(store);
      await store.forget.forget(ada);
      const again = await claimed(store, await accepted(store, request("again")));
      assert.equal(
        await store.requests.recordRound(again.claim, {
          index: 0,
          text: "",
          calls: [],
        }),
        true,
      );
    },
  );

  test("forgetting a user does not affect running requests of others in the channel", async (store) => {
    await finished(store);
    const other = message("b", { user: { id: "user-2" } });
    const { claim } = await claimed(store, await accepted(store, request("b", { message: other })));
    await store.forget.forget(ada);
    assert.equal(await store.requests.finish(claim, ending()), true);
  });

  test("sessions are listed by user, platform and channel, the newest first", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1" });
    await store.sessions.open(sessionOf("s2", { userId: "user-2", now: 2000 }));
    await store.sessions.open(
      sessionOf("s3", {
        platform: "another",
        conversation: { channelKey: "channel-2", threadId: "" },
        channelId: "channel-2",
        now: 3000,
      }),
    );
    const ids = async (query: object) =>
      (await store.sessions.list({ limit: 9, ...query })).map(({ id }) => id);
    assert.deepEqual(await ids({}), ["s3", "s2", "s1"]);
    assert.deepEqual(await ids({ limit: 1 }), ["s3"]);
    assert.deepEqual(await ids({ userId: "user-1" }), ["s3", "s1"]);
    assert.deepEqual(await ids({ userId: "user-1", platform: "test" }), ["s1"]);
    assert.deepEqual(await ids({ channelId: "channel-2" }), ["s3"]);
    assert.equal((await store.sessions.get("s1"))?.lines, 2);
    assert.equal(await store.sessions.get("s9"), undefined);
  });

  test("a session can be ended once, by user and conversation or by id", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    const end = () => store.sessions.end({ conversation, userId: "user-1", now: 9000 });
    assert.equal((await end())?.id, "s1");
    assert.equal(await end(), undefined);
    assert.equal((await store.sessions.get("s1"))?.endedAt, 9000);
    assert.equal((await store.sessions.endById({ id: "s2", now: 9000 }))?.id, "s2");
    assert.equal(await store.sessions.endById({ id: "s2", now: 9000 }), undefined);
    assert.equal((await store.sessions.open(sessionOf("s3"))).created, true);
  });
}
