/**
 * What every store has to keep: one test for each promise in the texts of src/store's interfaces.
 * The test file of an implementation calls `testStore`.
 */

import assert from "node:assert/strict";
import type { Store } from "../../../src/store/store.ts";
import { testDelivery } from "./delivery.ts";
import { testForget } from "./forget.ts";
import { adapterSession, testFrames } from "./frames.ts";
import { testHistory } from "./history.ts";
import { testAbsorbed } from "./absorb.ts";
import { testJournal } from "./journal.ts";
import { reminderOf, testReminders } from "./reminders.ts";
import { testRecentLines } from "./recent.ts";
import { testRequests } from "./requests.ts";
import { newRun, testRuns } from "./runs.ts";
import { testSessions } from "./sessions.ts";
import { testTasks } from "./tasks.ts";
import { testUsage } from "./usage.ts";
import { testSummaries } from "./summaries.ts";
import { accepted, claimed, finished, request, sessionOf, toolResult } from "./samples.ts";

/** Where an implementation keeps its data: an empty place, gone with the test. */
export interface StoreLocation extends AsyncDisposable {
  /** Opens the store, again and again, once the one before is closed. */
  open(): Promise<Store>;
}

/** Declares the test of one promise, on a fresh store. */
export type StoreTest = (sentence: string, test: (store: Store) => Promise<void>) => void;

/** Declares all tests for one implementation. */
export function testStore(name: string, makePlace: () => Promise<StoreLocation>): void {
  const promises: StoreTest = (sentence, test) =>
    Deno.test(`${name}: ${sentence}`, async () => {
      await using place = await makePlace();
      await using store = await place.open();
      await test(store);
    });
  testRequests(promises);
  testDelivery(promises);
  testJournal(promises);
  testAbsorbed(promises);
  testSessions(promises);
  testHistory(promises);
  testRecentLines(promises);
  testRuns(promises);
  testTasks(promises);
  testReminders(promises);
  testUsage(promises);
  testSummaries(promises);
  testFrames(promises);
  testForget(promises);

  promises("the figures count what waits, what runs and what is undelivered", async (store) => {
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

  Deno.test(`${name}: a store that is opened again has all that it had`, async () => {
    await using place = await makePlace();
    let queued = 0, running = 0, done = 0, fence = 0;
    {
      await using store = await place.open();
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
    await using store = await place.open();
    const unfinished = await store.requests.unfinished();
    assert.deepEqual(unfinished.map(({ seq }) => seq), [running, queued]);
    assert.equal((await store.requests.undelivered("node-1"))[0]?.seq, done);
    const again = await claimed(store, running);
    assert.equal(again.attempt, 2);
    assert.ok(again.claim.fence > fence, "fences go on rising");
    assert.deepEqual(again.rounds[0]?.results, [toolResult]);
    const { created } = await store.sessions.open(sessionOf("other"));
    assert.equal(created, false);
    const found = await store.history.search({ channelKey: "channel-1", query: "pear", limit: 9 });
    assert.equal(found.length, 1);
    assert.ok(await accepted(store, request("next")) > done, "numbers go on rising");
  });

  Deno.test(`${name}: a write that was begun is done when the store closes`, async () => {
    await using place = await makePlace();
    const store = await place.open();
    const accepting = store.requests.accept(request("last"));
    await store[Symbol.asyncDispose]();
    assert.equal((await accepting).type, "accepted");
    await using again = await place.open();
    assert.equal((await again.requests.unfinished()).length, 1);
  });

  Deno.test(`${name}: runs, tasks, reminders and adapters' sessions outlive the store's end`, async () => {
    await using place = await makePlace();
    const key = { name: "task", digest: "digest" };
    {
      await using store = await place.open();
      await store.tasks.register([key], { now: 1000 });
      await store.tasks.claim(key, { fireAt: 2000, run: newRun("task"), keep: 9 });
      await store.reminders.add(reminderOf("a"), { cap: 9 });
      await store.frames.save({ sessions: [adapterSession()], ended: [] });
    }
    await using store = await place.open();
    const [state] = await store.tasks.register([key], { now: 9000 });
    const { anchorAt, cursorAt } = state!;
    assert.deepEqual({ anchorAt, cursorAt }, { anchorAt: 1000, cursorAt: 2000 });
    const cutOff = { durationMs: 0, output: "", error: "cut off" };
    assert.equal((await store.runs.closeInterrupted(cutOff)).length, 1);
    assert.deepEqual(await store.reminders.due({ now: 9000, limit: 9 }), [reminderOf("a")]);
    assert.deepEqual(await store.frames.sessions(), [adapterSession()]);
  });
}
