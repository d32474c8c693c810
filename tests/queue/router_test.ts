import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { GatewayError } from "../../src/domain/errors.ts";
import { type QueueReservation, Router, type RouterOptions } from "../../src/queue/router.ts";
import type { Priority } from "../../src/domain/message.ts";
import type { QueuedRequest } from "../../src/domain/request.ts";

const nodeId = "node";
const idle = { active: 0, queued: 0, channels: 0, held: 0, bytes: 0 };

/** A router whose turns run until `end` or an abort. */
class Stage {
  readonly router: Router;
  /** Running turns, by request id. */
  readonly running = new Map<string, { readonly end: () => void; readonly signal: AbortSignal }>();
  readonly started: string[] = [];
  /** Turns that ran concurrently in one channel, which must never happen. */
  readonly overlaps: string[] = [];
  readonly discarded: string[] = [];
  #seq = 0;

  constructor(options: Partial<RouterOptions> = {}) {
    this.router = new Router({
      drained: new AbortController(),
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

  /** Enqueues a request. Its id starts with its channel and a space. Returns its position. */
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

  /** Ends a running turn and waits for the router to process it. */
  async end(requestId: string): Promise<void> {
    this.running.get(requestId)!.end();
    await settled();
  }

  cancel(requestId: string): boolean {
    return this.router.cancel({ nodeId, requestId });
  }
}

/** Reserves a place that must be free. */
function reserve(router: Router, wanted: Parameters<Router["reserve"]>[0]): QueueReservation {
  const place = router.reserve(wanted);
  assert.ok(!place.full);
  return place;
}

/** Resolves when all pending promise reactions have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("a channel runs one request at a time, in order; channels run concurrently", async () => {
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

Deno.test("higher priorities go first, and none is overtaken more than eight times", async () => {
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

Deno.test("at the limit of concurrent turns channels wait in order", async () => {
  const stage = new Stage({ concurrentTurns: 2 });
  const ids = ["a 1", "b 1", "c 1", "a 2", "d 1"];
  assert.deepEqual(ids.map((id) => stage.add(id)), [0, 0, 1, 1, 1]);
  await stage.end("a 1");
  // c and d arrived before the second request of a.
  assert.deepEqual([...stage.running.keys()], ["b 1", "c 1"]);
  await stage.end("b 1");
  await stage.end("c 1");
  assert.deepEqual([...stage.running.keys()], ["d 1", "a 2"]);
});

Deno.test("a reserved place is held until it is released", () => {
  const { router } = new Stage({ queuedPerChannel: 2 });
  const wanted = { channelKey: "a", nodeId, bytes: 1 };
  // One to run, two to wait.
  const places = Array.from({ length: 3 }, () => reserve(router, wanted));
  assert.equal(router.reserve(wanted).full, "channel");
  assert.equal(router.isBusy("a"), true);
  places.splice(0, 2).forEach((place) => place.release());
  places.push(reserve(router, wanted));
  for (const place of places) place.release();
  assert.deepEqual(router.figures(), idle);
});

Deno.test("a message that runs at once does not count as waiting", () => {
  const { router } = new Stage({ queuedPerChannel: 1 });
  const reserve = () => router.reserve({ channelKey: "a", nodeId, bytes: 1 }).full;
  // Two are being committed in an idle channel: one to run, one to wait.
  assert.deepEqual([reserve(), reserve(), reserve()], [undefined, undefined, "channel"]);
});

Deno.test("a message that is still being committed when the drain time ends is aborted at once", async () => {
  const signals: AbortSignal[] = [];
  const drained = new AbortController();
  const router = new Router({
    drained,
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
  const place = reserve(router, { channelKey: "a", nodeId, bytes: 1 });
  assert.equal(place.startsNow, true);
  let stopped = false;
  const stopping = router.stop({ drainMs: 0 }).then(() => stopped = true);
  await new Promise((resolve) => drained.signal.addEventListener("abort", resolve));
  assert.equal(stopped, false, "stop waits for the reserved turn");
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
  place.enqueue({ ...request, begun: {} as QueuedRequest["begun"] });
  await stopping;
  assert.equal((signals[0]!.reason as GatewayError).code, "shutting_down");
});

Deno.test("bytes are counted from the commit of a message to the end of its turn", async () => {
  const stage = new Stage();
  const { router } = stage;
  const place = reserve(router, { channelKey: "a", nodeId, bytes: 7 });
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

Deno.test("an adapter holds at most as many bytes as it leaves free for others", () => {
  const { router } = new Stage({ queuedBytes: 100 });
  let channel = 0;
  const full = (nodeId: string, bytes: number) =>
    router.reserve({ channelKey: `${channel++}`, nodeId, bytes }).full;
  assert.equal(full("greedy", 30), undefined);
  assert.equal(full("greedy", 21), "bytes");
  assert.equal(full("greedy", 20), undefined);
  assert.equal(full("greedy", 1), "bytes");
  // Others get their share of the rest; a first message may take all of it.
  assert.equal(full("second", 25), undefined);
  assert.equal(full("second", 1), "bytes");
  assert.equal(full("third", 26), "bytes");
  assert.equal(full("third", 25), undefined);
  assert.equal(router.figures().bytes, 100);
});

Deno.test("a message larger than the limit is accepted if it is the only one", () => {
  const { router } = new Stage({ queuedBytes: 100 });
  const large = { channelKey: "a", nodeId, bytes: 101 };
  const place = reserve(router, large);
  assert.equal(router.reserve(large).full, "bytes");
  place.release();
  assert.equal(router.reserve(large).full, undefined);
});

Deno.test("cancelling discards a waiting request and aborts a running one", async () => {
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

Deno.test("stop starts no more turns and waits for running ones", async () => {
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

Deno.test("turns that run past the drain time are aborted with shutting_down", async () => {
  const stage = new Stage();
  stage.add("a 1");
  const { signal } = stage.running.get("a 1")!;
  await stage.router.stop({ drainMs: 0 });
  assert.equal(signal.reason.code, "shutting_down");
});
