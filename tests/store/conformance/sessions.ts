/** Tests of sessions. Part of the conformance suite. */

import assert from "node:assert/strict";
import { conversation, finished, sessionOf } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** Declares the tests. */
export function testSessions(test: StoreTest): void {
  test("a user's first message in a conversation starts a session", async (store) => {
    const opened = await store.sessions.open(sessionOf("s1"));
    assert.deepEqual(
      { created: opened.created, ended: opened.ended },
      { created: true, ended: undefined },
    );
    assert.deepEqual(opened.session, {
      id: "s1",
      nodeId: "node-1",
      platform: "test",
      userId: "user-1",
      channelKey: "channel-1",
      channelId: "channel-1",
      threadId: "",
      startedAt: 1000,
      activeAt: 1000,
    });
  });

  test("a later message touches the running session", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const again = await store.sessions.open(sessionOf("s2", { now: 5000, idleBefore: 1000 }));
    assert.equal(again.created, false);
    assert.equal(again.ended, undefined);
    assert.equal(again.session.id, "s1");
    assert.equal(again.session.startedAt, 1000);
    assert.equal(again.session.activeAt, 5000);
  });

  test("a message after the idle time-out ends the session and starts another", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const later = await store.sessions.open(sessionOf("s2", { now: 9000, idleBefore: 1001 }));
    assert.equal(later.created, true);
    assert.equal(later.session.id, "s2");
    assert.equal(later.ended?.id, "s1");
    assert.equal(later.ended?.activeAt, 1000);
    const idle = await store.sessions.endIdle({ idleBefore: 1001, now: 9001, limit: 9 });
    assert.deepEqual(idle, [], "s1 has ended already");
  });

  test("each user, channel and thread has its own session", async (store) => {
    const others = [
      sessionOf("a"),
      sessionOf("b", { userId: "user-2" }),
      sessionOf("c", { conversation: { ...conversation, threadId: "thread-1" } }),
      sessionOf("d", { conversation: { channelKey: "channel-2", threadId: "" } }),
    ];
    for (const options of others) {
      const { session, created } = await store.sessions.open(options);
      assert.deepEqual({ id: session.id, created }, { id: options.id, created: true });
    }
    const again = await store.sessions.open({ ...others[2]!, id: "e" });
    assert.equal(again.session.id, "c");
    assert.equal(again.session.threadId, "thread-1");
  });

  test("two concurrent first messages start one session", async (store) => {
    const both = await Promise.all(["a", "b"].map((id) => store.sessions.open(sessionOf(id))));
    assert.deepEqual(both.map(({ session }) => session.id), ["a", "a"]);
    assert.deepEqual(both.map(({ created }) => created), [true, false]);
  });

  test("idle sessions are ended up to the limit and returned once", async (store) => {
    for (const [index, userId] of ["u1", "u2", "u3", "u4"].entries()) {
      await store.sessions.open(sessionOf(userId, { userId, now: 1000 + index }));
    }
    const end = () => store.sessions.endIdle({ idleBefore: 1003, now: 9000, limit: 2 });
    const [first, second, third] = [await end(), await end(), await end()];
    assert.equal(first.length, 2);
    assert.equal(second.length, 1);
    assert.equal(third.length, 0);
    const ids = [...first, ...second].map(({ id }) => id).toSorted();
    assert.deepEqual(ids, ["u1", "u2", "u3"]);
    assert.equal((await store.sessions.open(sessionOf("x", { userId: "u4" }))).created, false);
    assert.equal((await store.sessions.open(sessionOf("y", { userId: "u1" }))).created, true);
  });

  test("finishing a request touches its session", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", now: 5000 });
    assert.deepEqual(await store.sessions.endIdle({ idleBefore: 5000, now: 1, limit: 9 }), []);
    const idle = await store.sessions.endIdle({ idleBefore: 5001, now: 9000, limit: 9 });
    assert.equal(idle[0]?.activeAt, 5000);
  });

  test("a channel's node is the node of its newest session", async (store) => {
    const { sessions } = store;
    assert.equal(await sessions.nodeForChannel("channel-1"), undefined);
    await sessions.open(sessionOf("a", { nodeId: "node-1", now: 1000 }));
    await sessions.open(sessionOf("b", { nodeId: "node-2", userId: "user-2", now: 2000 }));
    await sessions.open(sessionOf("c", {
      nodeId: "node-3",
      conversation: { channelKey: "channel-2", threadId: "" },
      now: 3000,
    }));
    assert.equal(await sessions.nodeForChannel("channel-1"), "node-2");
    assert.equal(await sessions.nodeForChannel("channel-2"), "node-3");
    // Ended sessions count too.
    await sessions.endIdle({ idleBefore: 9000, now: 9000, limit: 9 });
    assert.equal(await sessions.nodeForChannel("channel-1"), "node-2");
    await sessions.open(sessionOf("d", { nodeId: "node-1", now: 9001 }));
    assert.equal(await sessions.nodeForChannel("channel-1"), "node-1");
  });
}
