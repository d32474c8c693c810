/** The router compared with a simple model under random sequences of messages, reservations and cancels. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { type Overlap, overlaps, priorities, type Priority } from "../../src/domain/message.ts";
import type { TakeWaiting } from "../../src/queue/channel.ts";
import { type QueueReservation, Router } from "../../src/queue/router.ts";
import type { QueuedRequest } from "../../src/domain/request.ts";

const nodes = ["ada's", "bob's"] as const;
const concurrentTurns = 2;
const queuedPerChannel = 20;
const queuedBytes = 300;
const maxOvertakes = 8;

/** What a reservation asks for. */
type Wanted = Pick<QueuedRequest, "channelKey" | "nodeId" | "bytes">;

/** A reserved place, and whether a turn is reserved with it. */
type Reserved = Wanted & { readonly startsNow: boolean };

/** The expected behaviour, as simple as possible: lists, searched from the front. */
class Model {
  readonly waiting: QueuedRequest[] = [];
  readonly running: QueuedRequest[] = [];
  readonly started: string[] = [];
  /** Channels that could run, oldest first. */
  readonly ready: string[] = [];
  readonly ended: string[] = [];
  /** Messages that are being committed. */
  readonly places: Reserved[] = [];
  /** Requests absorbed by a running turn. */
  readonly absorbed = new Map<QueuedRequest, QueuedRequest[]>();
  readonly #overtaken = new Map<string, number>();

  waitingIn(channelKey: string): readonly QueuedRequest[] {
    return this.waiting.filter((request) => request.channelKey === channelKey);
  }

  runningIn(channelKey: string): QueuedRequest | undefined {
    return this.running.find((request) => request.channelKey === channelKey);
  }

  placesIn(channelKey: string): number {
    return this.places.filter((place) => place.channelKey === channelKey).length;
  }

  /** The sum of all counted bytes. */
  bytes(nodeId?: string): number {
    return [...this.places, ...this.waiting, ...this.running, ...[...this.absorbed.values()].flat()]
      .filter((counted) => nodeId === undefined || counted.nodeId === nodeId)
      .reduce((sum, counted) => sum + counted.bytes, 0);
  }

  /** The limit that is reached, if any. */
  full({ channelKey, nodeId, bytes }: Wanted): "channel" | "bytes" | undefined {
    const taken = this.waitingIn(channelKey).length + this.placesIn(channelKey);
    if (taken >= queuedPerChannel + (this.runningIn(channelKey) ? 0 : 1)) return "channel";
    const [own, left] = [this.bytes(nodeId), queuedBytes - this.bytes() - bytes];
    const fits = this.bytes() === 0 || left >= (own === 0 ? 0 : own + bytes);
    return fits ? undefined : "bytes";
  }

  /** Whether a turn could start now in this channel. */
  startsNow({ channelKey }: Wanted): boolean {
    return this.#mayRun() && !this.runningIn(channelKey) &&
      this.waitingIn(channelKey).length + this.placesIn(channelKey) === 0;
  }

  release(place: Reserved): void {
    remove(this.places, place);
    this.#markReady(place.channelKey);
    this.#dropIfIdle(place.channelKey);
    this.#run();
  }

  /** Fills a place with its request, which runs at once if it was claimed for a reserved turn. */
  fill(place: Reserved, request: QueuedRequest): void {
    remove(this.places, place);
    if (request.begun) return this.#start(request);
    this.add(request);
  }

  add(request: QueuedRequest): void {
    this.waiting.push(request);
    const running = this.runningIn(request.channelKey);
    if (!running) this.#markReady(request.channelKey);
    this.#run();
    if (running && request.overlap === "interrupt") this.end(running);
  }

  end(request: QueuedRequest): void {
    remove(this.running, request);
    this.absorbed.delete(request);
    this.ended.push(request.requestId);
    this.#markReady(request.channelKey);
    this.#dropIfIdle(request.channelKey);
    this.#run();
  }

  cancel(request: QueuedRequest): void {
    if (this.running.includes(request)) return this.end(request);
    remove(this.waiting, request);
    this.ended.push(request.requestId);
    this.#dropIfIdle(request.channelKey);
  }

  /** A turn absorbs the waiting requests of its user with this overlap. */
  absorb(turn: QueuedRequest, overlap: Overlap): void {
    const joining = this.waitingIn(turn.channelKey)
      .filter((other) => other.overlap === overlap && other.userId === turn.userId);
    for (const other of joining) this.cancel(other);
    this.absorbed.set(turn, [...this.absorbed.get(turn) ?? [], ...joining]);
  }

  /** Position in the queue: behind higher priorities and older requests of its own. */
  position(request: QueuedRequest): number {
    const rank = ({ priority }: QueuedRequest) => priorities.indexOf(priority);
    const before = this.waitingIn(request.channelKey).filter((other) =>
      rank(other) < rank(request) || rank(other) === rank(request) && other.seq <= request.seq
    );
    return before.length;
  }

  #markReady(channelKey: string): void {
    if (this.ready.includes(channelKey) || this.waitingIn(channelKey).length === 0) return;
    if (this.runningIn(channelKey) || this.#reservedIn(channelKey)) return;
    this.ready.push(channelKey);
  }

  /** Whether a turn of this channel is reserved for a message that is being committed. */
  #reservedIn(channelKey: string): boolean {
    return this.places.some((place) => place.startsNow && place.channelKey === channelKey);
  }

  #mayRun(): boolean {
    const reserved = this.places.filter(({ startsNow }) => startsNow).length;
    return this.running.length + reserved < concurrentTurns;
  }

  #start(request: QueuedRequest): void {
    this.running.push(request);
    this.started.push(request.requestId);
    if (request.overlap === "collect") this.absorb(request, "collect");
  }

  #run(): void {
    while (this.#mayRun() && this.ready.length > 0) {
      const channelKey = this.ready.shift()!;
      const next = this.#next(channelKey);
      if (!next) {
        this.#dropIfIdle(channelKey);
        continue;
      }
      remove(this.waiting, next);
      this.#start(next);
    }
  }

  #next(channelKey: string): QueuedRequest | undefined {
    const waiting = this.waitingIn(channelKey);
    const present = priorities.filter((priority) =>
      waiting.some((request) => request.priority === priority)
    );
    const count = (priority: Priority) => this.#overtaken.get(`${channelKey} ${priority}`) ?? 0;
    const patient = present.filter((priority) => count(priority) >= maxOvertakes);
    const chosen = patient.at(-1) ?? present[0];
    for (const priority of present) {
      const times = priority === chosen ? 0 : count(priority) + 1;
      this.#overtaken.set(`${channelKey} ${priority}`, times);
    }
    return waiting.find(({ priority }) => priority === chosen);
  }

  /** An idle channel is dropped, together with its overtaking counts. */
  #dropIfIdle(channelKey: string): void {
    const idle = !this.runningIn(channelKey) && this.waitingIn(channelKey).length === 0 &&
      this.placesIn(channelKey) === 0 && !this.ready.includes(channelKey);
    if (idle) { for (const lane of priorities) this.#overtaken.delete(`${channelKey} ${lane}`); }
  }
}

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  assert.ok(index >= 0, "the model is wrong");
  list.splice(index, 1);
}

/** The router, with turns that the test ends. */
class Real {
  readonly router: Router;
  readonly started: string[] = [];
  readonly ended: string[] = [];
  /** In the same order as in the model. */
  readonly places: QueueReservation[] = [];
  readonly running = new Map<
    string,
    { readonly end: () => void; readonly take: TakeWaiting; readonly request: QueuedRequest }
  >();

  constructor() {
    this.router = new Router({
      drained: new AbortController(),
      concurrentTurns,
      queuedPerChannel,
      queuedBytes,
      collectMs: 0,
      handle: async (request, signal, take) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.started.push(request.requestId);
        this.running.set(request.requestId, { end: resolve, take, request });
        if (request.overlap === "collect") this.absorb(request.requestId, "collect");
        signal.addEventListener("abort", () => resolve(), { once: true });
        await promise;
        this.running.delete(request.requestId);
        this.ended.push(request.requestId);
      },
      discard: ({ requestId }) => {
        this.ended.push(requestId);
        return Promise.resolve();
      },
    });
  }

  absorb(requestId: string, overlap: Overlap): void {
    const { request, take } = this.running.get(requestId)!;
    const taken = take((other) => other.overlap === overlap && other.userId === request.userId);
    this.ended.push(...taken.map((other) => other.requestId));
  }
}

type Step =
  | Wanted & {
    readonly type: "add";
    readonly priority: Priority;
    readonly overlap: Overlap;
    readonly userId: string;
  }
  | Wanted & { readonly type: "reserve" }
  | { readonly type: "release"; readonly which: number }
  | {
    readonly type: "fill";
    readonly which: number;
    readonly priority: Priority;
    readonly overlap: Overlap;
    readonly userId: string;
    readonly claims: boolean;
  }
  | { readonly type: "end" | "steer" | "cancel" | "endAndCancel"; readonly which: number }
  | { readonly type: "cancelChannel"; readonly channelKey: string; readonly nodeId: string };

const channelKey = fc.constantFrom("a", "a", "b", "c");
const nodeId = fc.constantFrom(...nodes);
const wanted = {
  channelKey,
  nodeId,
  bytes: fc.oneof({ weight: 5, arbitrary: fc.nat(20) }, fc.nat(150)),
};
const said = {
  priority: fc.constantFrom(...priorities),
  overlap: fc.constantFrom("queue" as const, ...overlaps),
  userId: fc.constantFrom("ada", "bob"),
};
const add = fc.record({ type: fc.constant("add" as const), ...wanted, ...said });
const onTurn = fc.record({
  type: fc.constantFrom("end" as const, "end" as const, "steer" as const, "cancel" as const),
  which: fc.nat(20),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: add },
  { weight: 4, arbitrary: onTurn },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("endAndCancel" as const), which: fc.nat(5) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("cancelChannel" as const), channelKey, nodeId }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("reserve" as const), ...wanted }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("fill" as const),
      which: fc.nat(5),
      ...said,
      claims: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("release" as const), which: fc.nat(5) }),
  },
);

/** Applies a step to both. Steps that do not apply are skipped. */
function take(
  step: Step,
  { model, real }: { readonly model: Model; readonly real: Real },
  seq: number,
) {
  const { router } = real;
  if (step.type === "add") {
    const { type: _, ...fields } = step;
    const waiting = model.waitingIn(step.channelKey).length + model.placesIn(step.channelKey);
    const busy = model.runningIn(step.channelKey) !== undefined || waiting > 0;
    assert.equal(router.isBusy(step.channelKey), busy);
    const startsNow = model.startsNow(step);
    const place = router.reserve(step);
    assert.equal(place.full, model.full(step));
    if (!place.full) {
      place.release();
      assert.equal(place.startsNow, startsNow);
    }
    if (place.full || busy && step.overlap === "reject") return;
    const request = { ...fields, seq, requestId: `${seq}`, threadId: "", claimed: false };
    router.enqueue(request);
    return model.add(request);
  }
  if (step.type === "reserve") {
    const place = router.reserve(step);
    assert.equal(place.full, model.full(step));
    if (place.full) return;
    const startsNow = model.startsNow(step);
    assert.equal(place.startsNow, startsNow);
    real.places.push(place);
    model.places.push({ ...step, startsNow });
    return;
  }
  if (step.type === "fill") {
    if (model.places.length === 0) return;
    const index = step.which % model.places.length;
    const [reserved, place] = [model.places[index]!, real.places.splice(index, 1)[0]!];
    const { which: _, claims, ...fields } = step;
    const { channelKey, nodeId, bytes } = reserved;
    const begun = reserved.startsNow && claims ? {} as QueuedRequest["begun"] : undefined;
    const bare = { ...fields, channelKey, nodeId, bytes, seq, requestId: `${seq}`, threadId: "" };
    const request = { ...bare, claimed: begun !== undefined, ...(begun && { begun }) };
    place.enqueue(request);
    return model.fill(reserved, request);
  }
  if (step.type === "release") {
    const index = step.which % model.places.length;
    if (model.places.length === 0) return;
    real.places.splice(index, 1)[0]!.release();
    return model.release(model.places[index]!);
  }
  if (step.type === "cancelChannel") {
    const { channelKey, nodeId } = step;
    const running = model.runningIn(channelKey);
    const own = [...model.waitingIn(channelKey), ...(running ? [running] : [])]
      .filter((request) => request.nodeId === nodeId);
    assert.equal(router.cancelChannel({ nodeId, channelKey }), own.length);
    for (const request of own) model.cancel(request);
    return;
  }
  const among = step.type === "cancel" ? [...model.running, ...model.waiting] : model.running;
  const request = among[step.which % among.length];
  if (!request) return;
  const { requestId } = request;
  if (step.type === "cancel") {
    assert.equal(router.cancel(request), true);
    return model.cancel(request);
  }
  if (step.type === "steer") {
    real.absorb(requestId, "steer");
    return model.absorb(request, "steer");
  }
  real.running.get(requestId)!.end();
  // In the same tick, before the router sees the end: it must not end twice.
  if (step.type === "endAndCancel") assert.equal(router.cancel(request), true);
  model.end(request);
}

function compare(
  { model, real }: { readonly model: Model; readonly real: Real },
  seq: number,
): void {
  assert.deepEqual(real.started, model.started);
  assert.deepEqual([...real.ended].sort(), [...model.ended].sort());
  assert.equal(new Set(real.ended).size, real.ended.length, "a request has ended twice");
  const { active, queued, bytes } = real.router.figures();
  assert.deepEqual({ active, queued, bytes }, {
    active: model.running.length,
    queued: model.waiting.length,
    bytes: model.bytes(),
  });
  const places = new Map<string, number>([
    ...model.running.map(({ requestId }) => [requestId, 0] as const),
    ...model.waiting.map((request) => [request.requestId, model.position(request)] as const),
  ]);
  for (let known = 1; known <= seq; known++) {
    const requestId = `${known}`;
    const found = nodes.map((nodeId) => real.router.position({ nodeId, requestId }));
    assert.equal(found.find((place) => place !== undefined), places.get(requestId), requestId);
  }
}

Deno.test("the router behaves like its model under any sequence of events", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200, size: "max" }), async (steps) => {
      const both = { model: new Model(), real: new Real() };
      for (const [index, next] of steps.entries()) {
        take(next, both, index + 1);
        await new Promise((resolve) => setImmediate(resolve));
        compare(both, index + 1);
      }
      // Run everything to the end: nothing may be stranded.
      while (both.model.places.length > 0) take({ type: "release", which: 0 }, both, 0);
      while (both.model.running.length > 0) {
        take({ type: "end", which: 0 }, both, 0);
        await new Promise((resolve) => setImmediate(resolve));
      }
      while (both.model.places.length > 0) take({ type: "release", which: 0 }, both, 0);
      compare(both, steps.length);
      const idle = { active: 0, queued: 0, channels: 0, held: 0, bytes: 0 };
      assert.deepEqual(both.real.router.figures(), idle);
    }),
    { seed: 7, numRuns: 400 },
  );
});
