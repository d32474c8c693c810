/** Tests of adapter sessions and frames. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { StoredAdapterSession } from "../../../src/store/frame_store.ts";
import type { Store } from "../../../src/store/store.ts";
import { finished } from "./samples.ts";
import type { StoreTest } from "./store.ts";

/** An adapter session with three frames. */
export function adapterSession(fields: Partial<StoredAdapterSession> = {}): StoredAdapterSession {
  return {
    sessionId: "session-1",
    nodeId: "node-1",
    platform: "test",
    capabilities: ["streaming", "resume"],
    lastSeq: 3,
    before: 0,
    frames: ["1", "2", "3"],
    ...fields,
  };
}

async function save(store: Store, ...sessions: StoredAdapterSession[]): Promise<void> {
  await store.frames.save({ sessions, ended: [] });
}

/** Declares the tests. */
export function testFrames(test: StoreTest): void {
  test("frames are stored unchanged, whatever they contain", async (store) => {
    const frames = ["a\nb", "NUL \u0000", "\u{1F600} \ud800", "'; DROP TABLE", "", "\u2028"]
      .map((content) => JSON.stringify({ type: "response_chunk", content }));
    const session = adapterSession({ frames, lastSeq: frames.length });
    const other = adapterSession({
      sessionId: "other",
      nodeId: "node-2",
      capabilities: [],
      lastSeq: 0,
      frames: [],
    });
    await save(store, session, other);
    assert.deepEqual(await store.frames.sessions(), [other, session]);
  });

  test("frames of several saves are returned in order", async (store) => {
    await save(store, adapterSession());
    await save(store, adapterSession({ frames: [] }));
    await save(store, adapterSession({ frames: ["4", "5"], lastSeq: 5 }));
    const frames = ["1", "2", "3", "4", "5"];
    assert.deepEqual(await store.frames.sessions(), [adapterSession({ frames, lastSeq: 5 })]);
  });

  test("a frame saved twice is returned once", async (store) => {
    await save(store, adapterSession());
    await save(store, adapterSession({ frames: ["2", "3", "4"], lastSeq: 4 }));
    await save(store, adapterSession({ frames: ["3", "4"], lastSeq: 4 }));
    const frames = ["1", "2", "3", "4"];
    assert.deepEqual(await store.frames.sessions(), [adapterSession({ frames, lastSeq: 4 })]);
  });

  test("frames up to `before` are deleted", async (store) => {
    await save(store, adapterSession());
    await save(store, adapterSession({ before: 2, frames: ["4"], lastSeq: 4 }));
    assert.deepEqual(await store.frames.sessions(), [
      adapterSession({ before: 2, frames: ["3", "4"], lastSeq: 4 }),
    ]);
    await save(store, adapterSession({ before: 4, frames: [], lastSeq: 4 }));
    const none = adapterSession({ before: 4, frames: [], lastSeq: 4 });
    assert.deepEqual(await store.frames.sessions(), [none]);
    // `before` never decreases.
    await save(store, adapterSession({ before: 2, frames: ["5"], lastSeq: 5 }));
    assert.deepEqual(await store.frames.sessions(), [
      adapterSession({ before: 4, frames: ["5"], lastSeq: 5 }),
    ]);
  });

  test("an adapter session with a missing frame is not returned", async (store) => {
    await save(
      store,
      adapterSession(),
      adapterSession({ sessionId: "whole", nodeId: "node-2" }),
    );
    await save(store, adapterSession({ frames: ["5"], lastSeq: 5 }));
    const ids = async () => (await store.frames.sessions()).map(({ sessionId }) => sessionId);
    assert.deepEqual(await ids(), ["whole"]);
    await save(store, adapterSession({ frames: ["6"], lastSeq: 7 }));
    assert.deepEqual(await ids(), ["whole"]);
    // No longer needed.
    await save(store, adapterSession({ before: 7, frames: [], lastSeq: 7 }));
    assert.deepEqual(await ids(), ["session-1", "whole"]);
  });

  test("ended and replaced adapter sessions are deleted", async (store) => {
    const other = adapterSession({ sessionId: "other", nodeId: "node-2" });
    await save(store, adapterSession(), other);
    await store.frames.save({ sessions: [], ended: ["other", "unknown"] });
    assert.deepEqual(await store.frames.sessions(), [adapterSession()]);
    const next = adapterSession({ sessionId: "next", frames: ["1"], lastSeq: 1 });
    await store.frames.save({ sessions: [next], ended: ["session-1"] });
    assert.deepEqual(await store.frames.sessions(), [next]);
    const last = adapterSession({ sessionId: "last" });
    await save(store, last);
    assert.deepEqual(await store.frames.sessions(), [last]);
  });

  test(
    "forgetting a user deletes the platform's frames, and adapter sessions continue after them",
    async (store) => {
      const other = adapterSession({ sessionId: "other", nodeId: "node-2", platform: "another" });
      await save(store, adapterSession(), other);
      await finished(store);
      await store.forget.forget({ platform: "test", userId: "user-1" });
      const emptied = adapterSession({ before: 3, frames: [] });
      assert.deepEqual(await store.frames.sessions(), [other, emptied]);
      // Frames that are saved later continue after the deleted ones.
      await save(store, adapterSession({ frames: ["4"], lastSeq: 4 }));
      assert.deepEqual(await store.frames.sessions(), [
        other,
        adapterSession({ before: 3, frames: ["4"], lastSeq: 4 }),
      ]);
    },
  );
}
