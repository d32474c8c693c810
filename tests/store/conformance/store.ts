/**
 * The conformance suite: tests of every implementation against the docs of the interfaces in `src/store/`. The
 * test file of an implementation calls {@linkcode testStore}.
 */

import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import { testAbsorbed } from "./absorb.ts";
import { testDelivery } from "./delivery.ts";
import { testExchanges } from "./exchanges.ts";
import { testForget } from "./forget.ts";
import { adapterSession, testFrames } from "./frames.ts";
import { testHistory } from "./history.ts";
import { testJournal } from "./journal.ts";
import { testMemories } from "./memories.ts";
import { testRecentLines } from "./recent.ts";
import { reminderOf, testReminders } from "./reminders.ts";
import { testRequests } from "./requests.ts";
import { newRun, testRuns } from "./runs.ts";
import { accepted, claimed, finished, request, sessionOf, toolResult } from "./samples.ts";
import { testSessions } from "./sessions.ts";
import { testSummaries } from "./summaries.ts";
import { testTasks } from "./tasks.ts";
import { testUsage } from "./usage.ts";

/** Location of an implementation's data. Empty at first, deleted when disposed. */
export interface StoreLocation extends AsyncDisposable {
  /** Opens the store. Call it again only after closing the store. */
  open(): Promise<Store>;
}

/** Declares a test on a new store. */
export type StoreTest = (name: string, body: (store: Store) => Promise<void>) => void;

/** Declares all tests for an implementation. */
export function testStore(name: string, createLocation: () => Promise<StoreLocation>): void {
  const test: StoreTest = (title, body) =>
    Deno.test(`${name}: ${title}`, async () => {
      await using location = await createLocation();
      await using store = await location.open();
      await body(store);
    });
  testRequests(test);
  testDelivery(test);
  testJournal(test);
  testAbsorbed(test);
  testSessions(test);
  testHistory(test);
  testRecentLines(test);
  testMemories(test);
  testExchanges(test);
  testRuns(test);
  testTasks(test);
  testReminders(test);
  testUsage(test);
  testSummaries(test);
  testFrames(test);
  testForget(test);

  test("the counts include queued, running and undelivered requests", async (store) => {
    const kind = (await store.figures()).kind;
    assert.deepEqual(await store.figures(), { kind, queued: 0, running: 0, undelivered: 0 });
    await accepted(store, request("a"));
    await accepted(store, request("b"));
    await claimed(store, await accepted(store, request("c")));
    const done = await finished(store);
    await finished(store);
    await store.requests.markDelivered({ seq: done, now: 1 });
    assert.deepEqual(await store.figures(), { kind, queued: 2, running: 1, undelivered: 1 });
  });

  Deno.test(`${name}: reopening a store preserves its data`, async () => {
    await using location = await createLocation();
    let queued = 0, running = 0, done = 0, fence = 0;
    {
      await using store = await location.open();
      queued = await accepted(store, request("queued"));
      running = await accepted(store, request("running", { channelKey: "channel-2" }));
      const { claim } = await claimed(store, running);
      fence = claim.fence;
      const calls = [{ id: "1", name: "look", arguments: "{}" }];
      await store.requests.recordRound(claim, { index: 0, text: "t", calls });
      await store.requests.recordResult(claim, { round: 0, position: 0, result: toolResult });
      const { session } = await store.sessions.open(sessionOf("s"));
      done = await finished(store, { sessionId: session.id, lines: ["apple", "pear"] });
    }
    await using store = await location.open();
    const unfinished = await store.requests.unfinished();
    assert.deepEqual(unfinished.map(({ seq }) => seq), [running, queued]);
    assert.equal((await store.requests.undelivered("node-1"))[0]?.seq, done);
    const again = await claimed(store, running);
    assert.equal(again.attempt, 2);
    assert.ok(again.claim.fence > fence, "fences keep rising");
    assert.deepEqual(again.rounds[0]?.results, [toolResult]);
    const { created } = await store.sessions.open(sessionOf("other"));
    assert.equal(created, false);
    const found = await store.history.search({ channelKey: "channel-1", query: "pear", limit: 9 });
    assert.equal(found.length, 1);
    assert.ok(await accepted(store, request("next")) > done, "sequence numbers keep rising");
  });

  Deno.test(`${name}: closing the store completes pending writes`, async () => {
    await using location = await createLocation();
    const store = await location.open();
    const accepting = store.requests.accept(request("last"));
    await store[Symbol.asyncDispose]();
    assert.equal((await accepting).type, "accepted");
    await using again = await location.open();
    assert.equal((await again.requests.unfinished()).length, 1);
  });

  Deno.test(`${name}: reopening a store preserves memories, runs, tasks, reminders and adapter sessions`, async () => {
    await using location = await createLocation();
    const key = { name: "task", digest: "digest" };
    const { userKey } = reminderOf("a");
    const memory = { userKey, text: "has a dog", private: false, channelKey: "c", createdAt: 1 };
    {
      await using store = await location.open();
      await store.tasks.register([key], { now: 1000 });
      await store.tasks.claim(key, { fireAt: 2000, run: newRun("task"), keep: 9 });
      await store.reminders.add(reminderOf("a"), { cap: 9 });
      await store.frames.save({ sessions: [adapterSession()], ended: [] });
      await store.memories.add(memory, { cap: 9 });
    }
    await using store = await location.open();
    const [state] = await store.tasks.register([key], { now: 9000 });
    const { anchorAt, cursorAt } = state!;
    assert.deepEqual({ anchorAt, cursorAt }, { anchorAt: 1000, cursorAt: 2000 });
    const interrupted = { durationMs: 0, output: "", error: "interrupted" };
    assert.equal((await store.runs.closeInterrupted(interrupted)).length, 1);
    assert.deepEqual(await store.reminders.due({ now: 9000, limit: 9 }), [reminderOf("a")]);
    assert.deepEqual(await store.frames.sessions(), [adapterSession()]);
    const view = { userKey, includePrivate: true, limit: 9 };
    assert.equal((await store.memories.search({ ...view, query: "dogs" }))[0]?.text, "has a dog");
  });
}
