/** The router under random steps: no request is stranded, lost, run twice or run beside another one. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { Router } from "../../src/queue/router.ts";
import { priorities } from "../../src/domain/message.ts";

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6D2B79F5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
  };
}

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`ten thousand random steps strand no request (seed ${seed})`, async () => {
    const random = generator(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const concurrentTurns = 4;
    const ends = new Map<number, () => void>();
    const channelOf = new Map<number, string>();
    const outcomes = new Map<number, number>();
    // The router survives a handler that throws, so collect faults and check them at the end.
    const faults: string[] = [];
    const note = (seq: number) => outcomes.set(seq, (outcomes.get(seq) ?? 0) + 1);
    const router = new Router({
      drained: new AbortController(),
      concurrentTurns,
      queuedPerChannel: 1_000,
      queuedBytes: Infinity,
      collectMs: 0,
      handle: async ({ seq, channelKey }, signal) => {
        for (const other of ends.keys()) {
          if (channelOf.get(other) === channelKey) {
            faults.push(`${other} and ${seq} run concurrently`);
          }
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        ends.set(seq, resolve);
        if (ends.size > concurrentTurns) faults.push(`${ends.size} turns run concurrently`);
        signal.addEventListener("abort", () => resolve(), { once: true });
        await promise;
        ends.delete(seq);
        note(seq);
      },
      discard: ({ seq }) => {
        note(seq);
        return Promise.resolve();
      },
    });
    const nodeId = "node";
    let seq = 0;
    const add = () => {
      seq++;
      const channelKey = `channel ${Math.floor(random() * 10)}`;
      channelOf.set(seq, channelKey);
      router.enqueue({
        seq,
        nodeId,
        requestId: String(seq),
        channelKey,
        priority: pick(priorities),
        overlap: "queue",
        userId: "user",
        threadId: "",
        claimed: false,
        bytes: seq,
      });
    };
    const steps = [
      add,
      add,
      add,
      () => pick([...ends.values(), () => {}])(),
      () => pick([...ends.values(), () => {}])(),
      () => router.cancel({ nodeId, requestId: String(Math.ceil(random() * seq)) }),
      () => router.cancelChannel({ nodeId, channelKey: `channel ${Math.floor(random() * 10)}` }),
      () => {
        // In the same tick: the end of a turn, a cancel of it, and a message behind it.
        const [running, end] = pick([...ends, [0, () => {}] as const]);
        end();
        router.cancel({ nodeId, requestId: String(running) });
        add();
      },
    ];
    for (let step = 0; step < 10_000; step++) {
      pick(steps)();
      // Vary how many promise reactions run between two steps.
      for (let ticks = Math.floor(random() * 5); ticks > 0; ticks--) await Promise.resolve();
      if (step % 20 > 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      if (router.figures().active === concurrentTurns) continue;
      // There is capacity, so every waiting request must be behind a running one of its channel.
      const busy = new Set([...ends.keys()].map((running) => channelOf.get(running)));
      for (const [known, channelKey] of channelOf) {
        const stranded = !outcomes.has(known) && !busy.has(channelKey);
        if (stranded) faults.push(`request ${known} is stranded in step ${step}`);
      }
    }
    while (router.figures().active > 0) {
      for (const end of [...ends.values()]) end();
      await Promise.resolve();
    }
    assert.deepEqual(faults, []);
    assert.deepEqual(router.figures(), { active: 0, queued: 0, channels: 0, held: 0, bytes: 0 });
    for (let number = 1; number <= seq; number++) {
      assert.equal(outcomes.get(number), 1, `request ${number}`);
    }
  });
}
