/**
 * The promise that recent lines are always those of the disk, however many of them a store keeps at
 * hand: random turns, sessions and ends, and after each the same question in two ways, one of which the
 * store cannot have an answer ready for. Part of the store's conformance suite.
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
export function testRecentLines(promises: StoreTest): void {
  for (const seed of [1, 2, 3]) {
    promises(
      `recent lines are those of the disk, whatever happens (seed ${seed})`,
      async (store) => {
        const random = new Random(seed);
        let seen = 0;
        for (let step = 0; step < steps; step++) {
          await happens(store, random, step);
          const conversation = random.pick(conversations);
          const wanted = { conversation, after: afterOf(random, seen), limit: 12, maxBytes: 600 };
          const known = await store.history.recent({ ...wanted, lineBytes: 100 });
          // Another limit, which changes nothing here, so that it is read anew.
          const read = await store.history.recent({ ...wanted, lineBytes: 100, maxBytes: 600.5 });
          assert.deepEqual(known, read, `step ${step}`);
          const again = await store.history.recent({ ...wanted, lineBytes: 100 });
          assert.deepEqual(again, read, `step ${step}, read once more`);
          seen = Math.max(seen, read.at(-1)?.id ?? 0);
        }
        assert.ok(seen > steps / 2, "many lines were seen");
      },
    );
  }
}

/** The line up to which a summary stands for the conversation. */
function afterOf(random: Random, seen: number): number | undefined {
  return random.chance(80) ? undefined : random.below(seen + 1);
}

async function happens(store: Store, random: Random, step: number): Promise<void> {
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
    // Somebody may end it in the middle of a turn.
    if (what === 3) await store.sessions.endById({ id: sessionId, now });
    const lines = [random.pick(texts), random.pick(texts)] as const;
    await finished(store, { sessionId, conversation, lines, now });
  }
}
