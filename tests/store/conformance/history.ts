/** Tests of history. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { HistoryEntry } from "../../../src/store/history_store.ts";
import type { Store } from "../../../src/store/store.ts";
import {
  accepted,
  claimed,
  conversation,
  ending,
  finished,
  request,
  sessionOf,
} from "./samples.ts";
import type { StoreTest } from "./store.ts";

const thread = { channelKey: "channel-1", threadId: "thread-1" };

/** Declares the tests. */
export function testHistory(test: StoreTest): void {
  testRecent(test);
  testSearch(test);
}

function contents(entries: readonly HistoryEntry[]): string[] {
  return entries.map(({ content }) => content);
}

function testRecent(test: StoreTest): void {
  test("a history line is stored with all its fields", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const lines = ["it's \u{1F600}", "so ''\n"] as const;
    await finished(store, { sessionId: "s1", lines });
    const recent = await store.history.recent({ conversation, limit: 9 });
    const line = { sessionId: "s1", userId: "user-1", userName: "Ada", partial: false, at: 3000 };
    assert.deepEqual(recent.map(({ id: _, ...rest }) => rest), [
      { ...line, role: "user", content: lines[0] },
      { ...line, role: "assistant", content: lines[1] },
    ]);
    assert.ok(recent[0]!.id < recent[1]!.id);
  });

  test("a NUL does not truncate a line", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["before \0 after", "answer"] });
    const [line] = await store.history.recent({ conversation, limit: 9 });
    // A database without support for NUL may replace it.
    assert.match(line!.content, /^before . after$/s);
  });

  test("an empty line is returned and hides no other", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["", "text"] });
    const recent = await store.history.recent({ conversation, limit: 9, lineBytes: 100 });
    assert.deepEqual(contents(recent), ["", "text"]);
    const page = await store.history.page({ channelKey: "channel-1", limit: 9 });
    assert.deepEqual(contents(page), ["text", ""]);
  });

  test("a line may be partial and have no user name", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const { claim } = await claimed(store, await accepted(store, request("a")));
    const { history, ...rest } = ending({ sessionId: "s1" });
    const [{ userName: _, ...line }] = history as [typeof history[0]];
    await store.requests.finish(claim, { ...rest, history: [{ ...line, partial: true }] });
    const [kept] = await store.history.recent({ conversation, limit: 9 });
    assert.equal(kept?.partial, true);
    assert.equal(kept?.userName, undefined);
  });

  test("recent lines are the newest up to the limit, in chronological order", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    for (const n of [1, 2, 3]) {
      await finished(store, { sessionId: "s1", lines: [`q${n}`, `a${n}`] });
    }
    const recent = await store.history.recent({ conversation, limit: 3 });
    assert.deepEqual(contents(recent), ["a2", "q3", "a3"]);
  });

  test("a thread and its channel have separate lines", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await store.sessions.open(sessionOf("s2", { conversation: thread }));
    await finished(store, { sessionId: "s1", lines: ["q1", "a1"] });
    await finished(store, { sessionId: "s2", conversation: thread, lines: ["q2", "a2"] });
    const [outside, inside, elsewhere] = await Promise.all(
      [conversation, thread, { channelKey: "channel-2", threadId: "" }].map((conversation) =>
        store.history.recent({ conversation, limit: 9 })
      ),
    );
    assert.deepEqual(contents(outside!), ["q1", "a1"]);
    assert.deepEqual(contents(inside!), ["q2", "a2"]);
    assert.deepEqual(elsewhere, []);
  });

  test("recent lines include all running sessions of the conversation", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    await finished(store, { sessionId: "s1", lines: ["q1", "a1"] });
    await finished(store, { sessionId: "s2", lines: ["q2", "a2"] });
    const recent = await store.history.recent({ conversation, limit: 9 });
    assert.deepEqual(contents(recent), ["q1", "a1", "q2", "a2"]);
  });

  test("lines of ended sessions are not recent and do not count towards the limit", async (store) => {
    await store.sessions.open(sessionOf("s1", { now: 90_000 }));
    await finished(store, { sessionId: "s1", now: 90_000, lines: ["q1", "a1"] });
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    await finished(store, { sessionId: "s2", lines: ["q2", "a2"] });
    const ended = await store.sessions.endIdle({ idleBefore: 80_000, now: 90_000, limit: 9 });
    assert.deepEqual(ended.map(({ id }) => id), ["s2"]);
    const recent = await store.history.recent({ conversation, limit: 2 });
    assert.deepEqual(contents(recent), ["q1", "a1"]);
  });

  test("an invalid claim adds no history", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    await claimed(store, seq);
    await store.requests.finish(claim, ending({ sessionId: "s1" }));
    assert.deepEqual(await store.history.recent({ conversation, limit: 9 }), []);
  });

  test("a purge keeps the history", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", now: 1 });
    assert.equal(await store.requests.purge({ before: 2, limit: 9 }), 1);
    assert.equal((await store.history.recent({ conversation, limit: 9 })).length, 2);
  });
}

async function found(store: Store, query: string, channelKey = "channel-1"): Promise<string[]> {
  return contents(await store.history.search({ channelKey, query, limit: 9 }));
}

function testSearch(test: StoreTest): void {
  test("a search finds lines that contain all words, newest first", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["red apple", "Green Apple"] });
    await finished(store, { sessionId: "s1", lines: ["apple is red", "pear"] });
    assert.deepEqual(await found(store, "apple"), ["apple is red", "Green Apple", "red apple"]);
    assert.deepEqual(await found(store, "RED apple"), ["apple is red", "red apple"]);
    assert.deepEqual(await found(store, "red pear"), []);
    const one = await store.history.search({ channelKey: "channel-1", query: "apple", limit: 1 });
    assert.deepEqual(contents(one), ["apple is red"]);
  });

  test("a search includes ended sessions and threads, but no other channel", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["apple", "pear"] });
    await store.sessions.open(sessionOf("s2", { conversation: thread }));
    await finished(store, { sessionId: "s2", conversation: thread, lines: ["apple 2", "plum"] });
    await store.sessions.endIdle({ idleBefore: 99_999, now: 99_999, limit: 9 });
    assert.deepEqual(await found(store, "apple"), ["apple 2", "apple"]);
    assert.deepEqual(await found(store, "apple", "channel-2"), []);
  });

  const queries = [
    'one "two',
    "two OR five",
    "two AND one",
    "NOT two",
    "NEAR(one two)",
    "content:one",
    "one*",
    "^one",
    "-one",
    "(one",
    "one'; DROP TABLE history; --",
    "{one two}: three",
    "one\u0000two",
  ];
  test("operators in a query are plain words", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["one two three", "four"] });
    const hits = await Promise.all(queries.map((query) => found(store, query)));
    const matching = queries.filter((_, index) => hits[index]!.length > 0);
    assert.deepEqual(matching, [
      'one "two',
      "one*",
      "^one",
      "-one",
      "(one",
      "{one two}: three",
      "one\u0000two",
    ]);
    await finished(store, { sessionId: "s1", lines: ["it is NOT near, OR is it", "five"] });
    assert.deepEqual(await found(store, "NOT NEAR or"), ["it is NOT near, OR is it"]);
  });

  test("a query without words finds nothing", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["!?", "\u{1F600}"] });
    for (const query of ["", "  ", '"', "*", "\u{1F600}"]) {
      assert.deepEqual(await found(store, query), []);
    }
  });

  test("a search ignores case in other scripts", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["Größe über alles", "привет мир"] });
    assert.deepEqual(await found(store, "größe"), ["Größe über alles"]);
    assert.deepEqual(await found(store, "ПРИВЕТ"), ["привет мир"]);
  });
}
