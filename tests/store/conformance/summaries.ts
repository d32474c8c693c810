/** Tests of summaries. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import { conversation, finished, sessionOf } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** Opens a session and adds exchanges. Returns the ids of its lines. */
async function exchanges(
  store: Store,
  { sessionId, userId = "user-1", count = 2 }: {
    readonly sessionId: string;
    readonly userId?: string;
    readonly count?: number;
  },
): Promise<readonly number[]> {
  await store.sessions.open(sessionOf(sessionId, { userId }));
  for (let turn = 0; turn < count; turn++) await finished(store, { sessionId });
  const lines = await store.history.forSession({ sessionId, after: 0, limit: 100 });
  return lines.map(({ id }) => id);
}

const end = (store: Store, userId = "user-1") =>
  store.sessions.end({ conversation, userId, now: 5000 });

/** Declares the tests. */
export function testSummaries(test: StoreTest): void {
  testRollingSummaries(test);
  testSessionSummaries(test);
}

function testRollingSummaries(test: StoreTest): void {
  test("a rolling summary covers the lines up to the newest summarized one", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    assert.equal(await store.summaries.rolling(conversation), undefined);
    const text = "it's\0 all";
    const save = { conversation, text, from: 0, lines: lines.slice(0, 2), now: 7000 };
    assert.equal(await store.summaries.saveRolling(save), true);
    assert.deepEqual(await store.summaries.rolling(conversation), {
      text,
      coversTo: lines[1],
      updatedAt: 7000,
    });
    const after = lines[1]!;
    const rest = await store.history.recent({ conversation, after, limit: 9 });
    assert.deepEqual(rest.map(({ id }) => id), lines.slice(2));
    const oldest = { conversation, after, limit: 1, lineBytes: 3 };
    assert.deepEqual((await store.history.oldest(oldest)).map(({ id, content }) => [id, content]), [
      [lines[2], "que"],
    ]);
  });

  test("a rolling summary is not saved if another one was saved in the meantime", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    const save = (from: number, some: readonly number[], text: string) =>
      store.summaries.saveRolling({ conversation, text, from, lines: some, now: 1 });
    assert.equal(await save(0, lines.slice(0, 1), "first"), true);
    assert.equal(await save(lines[0]!, lines.slice(1, 2), "second"), true);
    assert.equal(await save(lines[0]!, lines.slice(1, 3), "late"), false);
    assert.equal((await store.summaries.rolling(conversation))?.text, "second");
  });

  test("a rolling summary is not saved if one of its lines was deleted", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    const others = await exchanges(store, { sessionId: "s2", userId: "user-2" });
    await store.forget.forget({ platform: "test", userId: "user-2" }, { unfinishedToo: true });
    const save = { conversation, text: "t", from: 0, now: 1 };
    const both = [...lines, ...others];
    assert.equal(await store.summaries.saveRolling({ ...save, lines: both }), false);
    assert.equal(await store.summaries.saveRolling({ ...save, lines }), true);
  });

  test("a rolling summary is returned while any session it covers is running", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    const others = await exchanges(store, { sessionId: "s3", userId: "user-3" });
    const save = { conversation, text: "t", from: 0, lines: [...lines, ...others], now: 1 };
    await store.summaries.saveRolling(save);
    await end(store, "user-1");
    assert.ok(await store.summaries.rolling(conversation), "user-2's session is running");
    await end(store, "user-2");
    assert.ok(await store.summaries.rolling(conversation), "user-3's session is running");
    await end(store, "user-3");
    await store.sessions.open(sessionOf("s4", { userId: "user-4" }));
    assert.equal(await store.summaries.rolling(conversation), undefined);
  });

  test("a rolling summary of ended sessions is replaced once these have their own", async (store) => {
    const old = await exchanges(store, { sessionId: "s1" });
    await store.summaries.saveRolling({ conversation, text: "old", from: 0, lines: old, now: 1 });
    await end(store);
    const lines = await exchanges(store, { sessionId: "s2" });
    const save = { conversation, text: "new", from: 0, lines, now: 2 };
    assert.equal(await store.summaries.saveRolling(save), false);
    assert.equal((await store.summaries.rollingForSession("s1"))?.text, "old");
    await store.summaries.saveSession({ sessionId: "s1", text: "s", lines: old });
    assert.equal(await store.summaries.saveRolling(save), true);
    assert.equal((await store.summaries.rolling(conversation))?.text, "new");
  });
}

function testSessionSummaries(test: StoreTest): void {
  test("an ended session gets a summary once", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    const unsummarized = async () => {
      const ids = (await store.summaries.unsummarized({ limit: 9 })).map(({ id }) => id);
      assert.equal(await store.summaries.isUnsummarized("s1"), ids.includes("s1"));
      return ids;
    };
    const save = { sessionId: "s1", text: "said\0 so", lines };
    assert.deepEqual(await unsummarized(), []);
    assert.equal(await store.summaries.saveSession(save), false, "it is running");
    await end(store);
    assert.deepEqual(await unsummarized(), ["s1"]);
    assert.equal(await store.summaries.saveSession(save), true);
    assert.equal(await store.summaries.saveSession({ ...save, text: "again" }), false);
    assert.deepEqual(await unsummarized(), []);
    const last = await store.summaries.lastSession({ conversation, userId: "user-1" });
    assert.deepEqual(last, { text: "said\0 so", endedAt: 5000 });
    assert.equal((await store.sessions.get("s1"))?.summary, "said\0 so");
  });

  test(
    "the last session is the user's newest in the conversation with a summary",
    async (store) => {
      for (const [id, text] of [["s1", "one"], ["s2", "two"], ["s3", ""]] as const) {
        const lines = await exchanges(store, { sessionId: id });
        await end(store);
        await store.summaries.saveSession({ sessionId: id, text, lines });
      }
      const { lastSession } = store.summaries;
      const last = lastSession.bind(store.summaries);
      assert.equal((await last({ conversation, userId: "user-1" }))?.text, "two");
      assert.equal(await last({ conversation, userId: "user-2" }), undefined);
      const elsewhere = { ...conversation, threadId: "t" };
      assert.equal(await last({ conversation: elsewhere, userId: "user-1" }), undefined);
    },
  );

  test("sessions that ended too long ago are not summarized", async (store) => {
    await exchanges(store, { sessionId: "s1" });
    await end(store);
    await store.summaries.giveUp({ endedBefore: 5000 });
    assert.equal((await store.summaries.unsummarized({ limit: 9 })).length, 1);
    await store.summaries.giveUp({ endedBefore: 5001 });
    assert.equal((await store.summaries.unsummarized({ limit: 9 })).length, 0);
  });
}
