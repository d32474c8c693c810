/** The promises about summaries. Part of the store's conformance suite. */

import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import { conversation, finished, sessionOf } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** A session with some exchanges; gives the ids of its lines. */
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
export function testSummaries(promises: StoreTest): void {
  testRolling(promises);
  testOfSessions(promises);
}

function testRolling(promises: StoreTest): void {
  promises("a summary covers the lines up to the newest of those it was made of", async (store) => {
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

  promises("a summary that another one has overtaken is not written", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    const save = (from: number, some: readonly number[], text: string) =>
      store.summaries.saveRolling({ conversation, text, from, lines: some, now: 1 });
    assert.equal(await save(0, lines.slice(0, 1), "first"), true);
    assert.equal(await save(lines[0]!, lines.slice(1, 2), "second"), true);
    assert.equal(await save(lines[0]!, lines.slice(1, 3), "late"), false);
    assert.equal((await store.summaries.rolling(conversation))?.text, "second");
  });

  promises("a summary of lines that are deleted meanwhile is not written", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    const others = await exchanges(store, { sessionId: "s2", userId: "user-2" });
    await store.forget.forget({ platform: "test", userId: "user-2" }, { unfinishedToo: true });
    const save = { conversation, text: "t", from: 0, now: 1 };
    const both = [...lines, ...others];
    assert.equal(await store.summaries.saveRolling({ ...save, lines: both }), false);
    assert.equal(await store.summaries.saveRolling({ ...save, lines }), true);
  });

  promises("a summary is there while a session runs that it is about", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    const others = await exchanges(store, { sessionId: "s3", userId: "user-3" });
    const save = { conversation, text: "t", from: 0, lines: [...lines, ...others], now: 1 };
    await store.summaries.saveRolling(save);
    await end(store, "user-1");
    assert.ok(await store.summaries.rolling(conversation), "user-2 has seen it all");
    await end(store, "user-2");
    assert.ok(await store.summaries.rolling(conversation), "user-3 a part of it");
    await end(store, "user-3");
    await store.sessions.open(sessionOf("s4", { userId: "user-4" }));
    assert.equal(await store.summaries.rolling(conversation), undefined);
  });

  promises("one of ended sessions makes way once these are summed up", async (store) => {
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

function testOfSessions(promises: StoreTest): void {
  promises("an ended session waits for its summary, and gets one once", async (store) => {
    const lines = await exchanges(store, { sessionId: "s1" });
    const waiting = async () => {
      const ids = (await store.summaries.unsummarized({ limit: 9 })).map(({ id }) => id);
      assert.equal(await store.summaries.isUnsummarized("s1"), ids.includes("s1"));
      return ids;
    };
    const save = { sessionId: "s1", text: "said\0 so", lines };
    assert.deepEqual(await waiting(), []);
    assert.equal(await store.summaries.saveSession(save), false, "it still runs");
    await end(store);
    assert.deepEqual(await waiting(), ["s1"]);
    assert.equal(await store.summaries.saveSession(save), true);
    assert.equal(await store.summaries.saveSession({ ...save, text: "again" }), false);
    assert.deepEqual(await waiting(), []);
    const last = await store.summaries.lastSession({ conversation, userId: "user-1" });
    assert.deepEqual(last, { text: "said\0 so", endedAt: 5000 });
    assert.equal((await store.sessions.get("s1"))?.summary, "said\0 so");
  });

  promises(
    "the last session is that of the user, in the conversation, with a summary",
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

  promises("what has waited for too long is given up", async (store) => {
    await exchanges(store, { sessionId: "s1" });
    await end(store);
    await store.summaries.giveUp({ endedBefore: 5000 });
    assert.equal((await store.summaries.unsummarized({ limit: 9 })).length, 1);
    await store.summaries.giveUp({ endedBefore: 5001 });
    assert.equal((await store.summaries.unsummarized({ limit: 9 })).length, 0);
  });
}
