/**
 * Tests recent lines with random turns and session changes: compares each result with an uncached one. Part of the conformance suite.
 */

import assert from "node:assert/strict";
import type { Conversation } from "../../../src/domain/keys.ts";
import type { Store } from "../../../src/store/store.ts";
import { Random } from "../../support/random.ts";
import { finished, sessionOf } from "./samples.ts";
import type { StoreTest } from "./store.ts";

const steps = 400;
const users = ["user-1", "user-2"];
const conversations: readonly Conversation[] = ["", "thread-1", "thread-2"]
  .map((threadId) => ({ channelKey: "channel-1", threadId }));
const texts = ["short", "longer, of several words", "é".repeat(40), "x".repeat(150), ""];

/** Declares the tests. */
export function testRecentLines(test: StoreTest): void {
  for (const seed of [1, 2, 3]) {
    test(
      `cached recent lines always equal the database (seed ${seed})`,
      async (store) => {
        const random = new Random(seed);
        let seen = 0;
        for (let step = 0; step < steps; step++) {
          await randomChange(store, random, step);
          const conversation = random.pick(conversations);
          const wanted = { conversation, after: afterOf(random, seen), limit: 12, maxBytes: 600 };
          const cached = await store.history.recent({ ...wanted, lineBytes: 100 });
          // An equivalent limit that misses the cache.
          const read = await store.history.recent({ ...wanted, lineBytes: 100, maxBytes: 600.5 });
          assert.deepEqual(cached, read, `step ${step}`);
          const again = await store.history.recent({ ...wanted, lineBytes: 100 });
          assert.deepEqual(again, read, `step ${step}, again`);
          seen = Math.max(seen, read.at(-1)?.id ?? 0);
        }
        assert.ok(seen > steps / 2, "many lines were seen");
      },
    );
  }
}

/** The line up to which a summary replaces the history. */
function afterOf(random: Random, seen: number): number | undefined {
  return random.chance(80) ? undefined : random.below(seen + 1);
}

async function randomChange(store: Store, random: Random, step: number): Promise<void> {
  const conversation = random.pick(conversations);
  const userId = random.pick(users);
  const now = 1000 + step;
  const what = random.below(20);
  if (what === 0) await store.sessions.end({ conversation, userId, now });
  else if (what === 1) await store.sessions.endIdle({ idleBefore: now - 20, now, limit: 9 });
  else if (what === 2 && random.chance(30)) {
    await store.forget.forget({ platform: "test", userId }, { unfinishedToo: true });
  } else {
    const opened = await store.sessions.open(
      sessionOf(`session-${step}`, { conversation, userId, now, idleBefore: now - 60 }),
    );
    const sessionId = opened.session.id;
    // It may end during a turn.
    if (what === 3) await store.sessions.endById({ id: sessionId, now });
    const lines = [random.pick(texts), random.pick(texts)] as const;
    await finished(store, { sessionId, conversation, lines, now });
  }
}
