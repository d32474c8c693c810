/** The router's state machine with turns that a test ends when it likes. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { GatewayError } from "../../src/domain/errors.ts";
import { Router, type RouterOptions } from "../../src/queue/router.ts";
import type { Priority } from "../../src/domain/message.ts";
import type { QueuedRequest } from "../../src/domain/request.ts";

const nodeId = "node";
const idle = { active: 0, queued: 0, channels: 0, held: 0, bytes: 0 };

/** A router whose turns run until `end`, or until they are aborted where `obeys`. */
class Stage {
  readonly router: Router;
  /** The turns that run, by request id. */
  readonly running = new Map<string, { readonly end: () => void; readonly signal: AbortSignal }>();
  readonly started: string[] = [];
  /** Turns that ran side by side in one channel: what must never be. */
  readonly overlaps: string[] = [];
  readonly discarded: string[] = [];
  #seq = 0;

  constructor(options: Partial<RouterOptions> = {}) {
    this.router = new Router({
      giveUp: new AbortController(),
      concurrentTurns: 100,
      queuedPerChannel: 100,
      queuedBytes: 1_000,
      collectMs: 0,
      handle: ({ requestId, channelKey }, signal) => {
        for (const id of this.running.keys()) {
          if (id.split(" ")[0] === channelKey) this.overlaps.push(`${id} and ${requestId}`);
        }
        this.started.push(requestId);
        const { promise, resolve } = Promise.withResolvers<void>();
        const end = () => {
          this.running.delete(requestId);
          resolve();
        };
        this.running.set(requestId, { end, signal });
        signal.addEventListener("abort", end, { once: true });
        return promise;
      },
      discard: ({ requestId }) => {
        this.discarded.push(requestId);
        return Promise.resolve();
      },
      ...options,
    });
  }

  /** Enqueues a request of this name (its channel, a space, anything); gives its position. */
  add(requestId: string, priority: Priority = "normal"): number {
    const channelKey = requestId.split(" ")[0]!;
    const seq = ++this.#seq;
    const request: QueuedRequest = {
      seq,
      nodeId,
      requestId,
      channelKey,
      priority,
      overlap: "queue",
      userId: "user",
      threadId: "",
      claimed: false,
      bytes: 1,
    };
    return this.router.enqueue(request);
  }

  /** Ends a running turn; resolves when the router has noticed. */
  async end(requestId: string): Promise<void> {
    this.running.get(requestId)!.end();
    await settled();
  }

  cancel(requestId: string): boolean {
    return this.router.cancel({ nodeId, requestId });
  }
}

/** Resolves when every promise that is resolved has been heard. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("a channel runs one request at a time, in order, and another one beside it", async () => {
  const stage = new Stage();
  assert.deepEqual(["a 1", "a 2", "a 3", "b 1"].map((id) => stage.add(id)), [0, 1, 2, 0]);
  assert.deepEqual(stage.started, ["a 1", "b 1"]);
  assert.deepEqual(stage.router.figures(), {
    active: 2,
    queued: 2,
    channels: 2,
    held: 0,
    bytes: 4,
  });
  for (const id of ["a 1", "a 2", "b 1", "a 3"]) await stage.end(id);
  assert.deepEqual(stage.started, ["a 1", "b 1", "a 2", "a 3"]);
  assert.deepEqual(stage.overlaps, []);
  assert.deepEqual(stage.router.figures(), idle);
});

Deno.test("priorities go first, and none is overtaken more than eight times", async () => {
  const stage = new Stage();
  stage.add("a running");
  stage.add("a low", "low");
  stage.add("a normal");
  for (let index = 0; index < 20; index++) stage.add(`a high ${index}`, "high");
  while (stage.running.size > 0) await stage.end([...stage.running.keys()][0]!);
  const places = ["a normal", "a low"].map((id) => stage.started.indexOf(id));
  assert.deepEqual(stage.started.slice(1, 9), [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `a high ${n}`));
  assert.deepEqual(stage.overlaps, []);
  for (const place of places) assert.ok(place >= 9 && place <= 10, `place ${place}`);
});

Deno.test("with all turns taken channels wait in line, and the cap is kept", async () => {
  const stage = new Stage({ concurrentTurns: 2 });
  const ids = ["a 1", "b 1", "c 1", "a 2", "d 1"];
  assert.deepEqual(ids.map((id) => stage.add(id)), [0, 0, 1, 1, 1]);
  await stage.end("a 1");
  // c and d came before a's second.
  assert.deepEqual([...stage.running.keys()], ["b 1", "c 1"]);
  await stage.end("b 1");
  await stage.end("c 1");
  assert.deepEqual([...stage.running.keys()], ["d 1", "a 2"]);
});

Deno.test("a place in a queue is kept until it is given back", () => {
  const { router } = new Stage({ queuedPerChannel: 2 });
  const reserve = () => router.reserve({ channelKey: "a", nodeId, bytes: 1 });
  // One to run, two to wait.
  const places = Array.from({ length: 4 }, reserve);
  assert.deepEqual(places.map(({ full }) => full), [undefined, undefined, undefined, "channel"]);
  assert.equal(router.busy("a"), true);
  places.splice(0, 2).forEach((place) => place.release());
  places.push(reserve());
  assert.equal(places.at(-1)!.full, undefined);
  for (const place of places) place.release();
  assert.deepEqual(router.figures(), idle);
});

Deno.test("a message that runs at once takes no place in the queue", () => {
  const { router } = new Stage({ queuedPerChannel: 1 });
  const reserve = () => router.reserve({ channelKey: "a", nodeId, bytes: 1 }).full;
  // Two that are being committed at once, to a channel where nothing runs: one to run, one to wait.
  assert.deepEqual([reserve(), reserve(), reserve()], [undefined, undefined, "channel"]);
});

Deno.test("a message that is being committed when a stop gives up is put back at once", async () => {
  const signals: AbortSignal[] = [];
  const giveUp = new AbortController();
  const router = new Router({
    giveUp,
    concurrentTurns: 1,
    queuedPerChannel: 1,
    queuedBytes: 100,
    collectMs: 0,
    handle: (_, signal) => {
      signals.push(signal);
      return Promise.resolve();
    },
    discard: () => Promise.resolve(),
  });
  const place = router.reserve({ channelKey: "a", nodeId, bytes: 1 });
  assert.equal(place.next, true);
  let stopped = false;
  const stopping = router.stop({ drainMs: 0 }).then(() => stopped = true);
  await new Promise((resolve) => giveUp.signal.addEventListener("abort", resolve));
  assert.equal(stopped, false, "the turn that is kept is waited for");
  const request = {
    seq: 1,
    requestId: "1",
    nodeId,
    channelKey: "a",
    priority: "normal",
    overlap: "queue",
    userId: "ada",
    threadId: "",
    claimed: true,
    bytes: 1,
  } as const;
  place.enter({ ...request, begun: {} as QueuedRequest["begun"] });
  await stopping;
  assert.equal((signals[0]!.reason as GatewayError).code, "shutting_down");
});

Deno.test("bytes are held from the commit of a message to the end of its turn", async () => {
  const stage = new Stage();
  const { router } = stage;
  const place = router.reserve({ channelKey: "a", nodeId, bytes: 7 });
  assert.equal(router.figures().bytes, 7);
  place.release();
  ["a 1", "a 2", "a 3"].forEach((id) => stage.add(id));
  assert.equal(router.figures().bytes, 3);
  stage.cancel("a 2");
  assert.equal(router.figures().bytes, 2);
  await stage.end("a 1");
  assert.equal(router.figures().bytes, 1);
  await stage.end("a 3");
  assert.deepEqual(router.figures(), idle);
});

Deno.test("an adapter holds at most as many bytes as it leaves to the others", () => {
  const { router } = new Stage({ queuedBytes: 100 });
  let channel = 0;
  const full = (nodeId: string, bytes: number) =>
    router.reserve({ channelKey: `${channel++}`, nodeId, bytes }).full;
  assert.equal(full("greedy", 30), undefined);
  assert.equal(full("greedy", 21), "bytes");
  assert.equal(full("greedy", 20), undefined);
  assert.equal(full("greedy", 1), "bytes");
  // Another one gets its share of the rest; its first message may take all of it.
  assert.equal(full("second", 25), undefined);
  assert.equal(full("second", 1), "bytes");
  assert.equal(full("third", 26), "bytes");
  assert.equal(full("third", 25), undefined);
  assert.equal(router.figures().bytes, 100);
});

Deno.test("a message that is larger than the limit is taken where it is alone", () => {
  const { router } = new Stage({ queuedBytes: 100 });
  const large = { channelKey: "a", nodeId, bytes: 101 };
  const place = router.reserve(large);
  assert.equal(place.full, undefined);
  assert.equal(router.reserve(large).full, "bytes");
  place.release();
  assert.equal(router.reserve(large).full, undefined);
});

Deno.test("a cancelled request that waits is discarded, one that runs is aborted", async () => {
  const stage = new Stage();
  for (const id of ["a 1", "a 2", "a 3"]) stage.add(id);
  assert.equal(stage.cancel("a 2"), true);
  assert.equal(stage.cancel("a 2"), false);
  assert.deepEqual(stage.discarded, ["a 2"]);
  const { signal } = stage.running.get("a 1")!;
  assert.equal(stage.cancel("a 1"), true);
  assert.equal(signal.reason.code, "cancelled");
  await settled();
  assert.deepEqual(stage.started, ["a 1", "a 3"]);
});

Deno.test("a handler that throws does not stop its channel", async () => {
  let calls = 0;
  const stage = new Stage({
    handle: () => {
      calls++;
      return Promise.reject(new Error("a bug"));
    },
  });
  stage.add("a 1");
  stage.add("a 2");
  await settled();
  assert.equal(calls, 2);
  assert.deepEqual(stage.router.figures(), idle);
});

Deno.test("stopping starts nothing more and waits for what runs", async () => {
  const stage = new Stage();
  for (const id of ["a 1", "a 2", "b 1"]) stage.add(id);
  const stopped = stage.router.stop({ drainMs: 60_000 });
  stage.add("c 1");
  await stage.end("a 1");
  await stage.end("b 1");
  await stopped;
  assert.deepEqual(stage.started, ["a 1", "b 1"]);
  assert.equal(stage.router.figures().queued, 2);
});

Deno.test("what runs on after the drain time is aborted with shutting_down", async () => {
  const stage = new Stage();
  stage.add("a 1");
  const { signal } = stage.running.get("a 1")!;
  await stage.router.stop({ drainMs: 0 });
  assert.equal(signal.reason.code, "shutting_down");
});
