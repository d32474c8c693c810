/** The promises about history. Part of the store's conformance suite. */

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
export function testHistory(promises: StoreTest): void {
  testRecent(promises);
  testSearch(promises);
}

function contents(entries: readonly HistoryEntry[]): string[] {
  return entries.map(({ content }) => content);
}

function testRecent(promises: StoreTest): void {
  promises("a finished request's history is kept with all its fields", async (store) => {
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

  promises("a line with a NUL keeps all that follows it", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["before \0 after", "answer"] });
    const [line] = await store.history.recent({ conversation, limit: 9 });
    // Not every database takes a NUL, so it may be another character now.
    assert.match(line!.content, /^before . after$/s);
  });

  promises("a partial line and one without a name stay so", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const { claim } = await claimed(store, await accepted(store, request("a")));
    const { history, ...rest } = ending({ sessionId: "s1" });
    const [{ userName: _, ...line }] = history as [typeof history[0]];
    await store.requests.finish(claim, { ...rest, history: [{ ...line, partial: true }] });
    const [kept] = await store.history.recent({ conversation, limit: 9 });
    assert.equal(kept?.partial, true);
    assert.equal(kept?.userName, undefined);
  });

  promises("the newest lines come, at most so many, the oldest of them first", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    for (const n of [1, 2, 3]) {
      await finished(store, { sessionId: "s1", lines: [`q${n}`, `a${n}`] });
    }
    const recent = await store.history.recent({ conversation, limit: 3 });
    assert.deepEqual(contents(recent), ["a2", "q3", "a3"]);
  });

  promises("a thread and its channel keep their lines apart", async (store) => {
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

  promises("all running sessions of a channel are one conversation", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    await finished(store, { sessionId: "s1", lines: ["q1", "a1"] });
    await finished(store, { sessionId: "s2", lines: ["q2", "a2"] });
    const recent = await store.history.recent({ conversation, limit: 9 });
    assert.deepEqual(contents(recent), ["q1", "a1", "q2", "a2"]);
  });

  promises("the lines of ended sessions are not recent, nor count as such", async (store) => {
    await store.sessions.open(sessionOf("s1", { now: 90_000 }));
    await finished(store, { sessionId: "s1", now: 90_000, lines: ["q1", "a1"] });
    await store.sessions.open(sessionOf("s2", { userId: "user-2" }));
    await finished(store, { sessionId: "s2", lines: ["q2", "a2"] });
    const ended = await store.sessions.endIdle({ idleBefore: 80_000, now: 90_000, limit: 9 });
    assert.deepEqual(ended.map(({ id }) => id), ["s2"]);
    const recent = await store.history.recent({ conversation, limit: 2 });
    assert.deepEqual(contents(recent), ["q1", "a1"]);
  });

  promises("a claim that is no longer held adds nothing to the history", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    await claimed(store, seq);
    await store.requests.finish(claim, ending({ sessionId: "s1" }));
    assert.deepEqual(await store.history.recent({ conversation, limit: 9 }), []);
  });

  promises("a purge leaves the history", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", now: 1 });
    assert.equal(await store.requests.purge({ before: 2, limit: 9 }), 1);
    assert.equal((await store.history.recent({ conversation, limit: 9 })).length, 2);
  });
}

async function found(store: Store, query: string, channelKey = "channel-1"): Promise<string[]> {
  return contents(await store.history.search({ channelKey, query, limit: 9 }));
}

function testSearch(promises: StoreTest): void {
  promises("a search finds the lines with all words, the newest first", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["red apple", "Green Apple"] });
    await finished(store, { sessionId: "s1", lines: ["apple is red", "pear"] });
    assert.deepEqual(await found(store, "apple"), ["apple is red", "Green Apple", "red apple"]);
    assert.deepEqual(await found(store, "RED apple"), ["apple is red", "red apple"]);
    assert.deepEqual(await found(store, "red pear"), []);
    const one = await store.history.search({ channelKey: "channel-1", query: "apple", limit: 1 });
    assert.deepEqual(contents(one), ["apple is red"]);
  });

  promises("a search finds ended sessions and threads, but no other channel", async (store) => {
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
  promises("what looks like a query language is only words", async (store) => {
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

  promises("a search without a word finds nothing", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["!?", "\u{1F600}"] });
    for (const query of ["", "  ", '"', "*", "\u{1F600}"]) {
      assert.deepEqual(await found(store, query), []);
    }
  });

  promises("a search knows words of other languages", async (store) => {
    await store.sessions.open(sessionOf("s1"));
    await finished(store, { sessionId: "s1", lines: ["Größe über alles", "привет мир"] });
    assert.deepEqual(await found(store, "größe"), ["Größe über alles"]);
    assert.deepEqual(await found(store, "ПРИВЕТ"), ["привет мир"]);
  });
}
