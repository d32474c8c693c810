import assert from "node:assert/strict";
import { EventBus, type EventMap } from "../../src/domain/events.ts";
import { GatewayError } from "../../src/domain/errors.ts";
import type { Overlap, UserMessage } from "../../src/domain/message.ts";
import type { QueuedRequest } from "../../src/domain/request.ts";
import { Intake, type IntakeOptions } from "../../src/queue/intake.ts";
import { Router, type RouterOptions } from "../../src/queue/router.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { ending, message } from "../store/conformance/samples.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_place.ts";

const sender = { nodeId: "node-1", platform: "test" };
const claimAt = (now: number) => ({ owner: "me", now, idleBefore: 0 });

interface StageOptions extends Partial<RouterOptions> {
  readonly requests?: IntakeOptions["requests"];
  readonly overlap?: Overlap;
}

/** An intake with a real router and store. Turns run until the test ends them. */
class Stage implements AsyncDisposable {
  readonly store: SqliteStore;
  readonly router: Router;
  readonly intake: Intake;
  readonly received: EventMap["message:received"][] = [];
  /** Running turns, by request id. */
  readonly running = new Map<
    string,
    { readonly request: QueuedRequest; readonly end: () => void }
  >();
  readonly #place: SqliteFolder;

  private constructor(place: SqliteFolder, store: SqliteStore, options: StageOptions) {
    const { requests = store.requests, overlap = "queue", ...limits } = options;
    this.#place = place;
    this.store = store;
    const events = new EventBus();
    events.subscribe((event) => {
      if (event.name === "message:received") this.received.push(event.data);
    });
    this.router = new Router({
      handle: (request) => this.#run(request),
      discard: () => Promise.resolve(),
      drained: new AbortController(),
      concurrentTurns: 10,
      queuedPerChannel: 10,
      queuedBytes: 1_000_000,
      collectMs: 0,
      ...limits,
    });
    this.intake = new Intake({
      requests,
      router: this.router,
      events,
      overlapOf: () => overlap,
      newClaim: claimAt,
      now: () => 1_000,
    });
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const place = new SqliteFolder();
    return new Stage(place, await place.open(), options);
  }

  submit(requestId: string, fields: Partial<UserMessage> = {}) {
    return this.intake.submit(
      sender,
      message(requestId, { content: "Hello", overlap: undefined, ...fields }),
    );
  }

  /** Submits a message that must be rejected. */
  async rejection(requestId: string, fields: Partial<UserMessage> = {}): Promise<GatewayError> {
    const error = await this.submit(requestId, fields).then(() => undefined, (error) => error);
    assert.ok(error instanceof GatewayError, `${requestId} was accepted`);
    assert.equal(error.requestId, requestId);
    return error;
  }

  /** Commits a running request's outcome and ends its turn. */
  async finish(requestId: string): Promise<void> {
    const { request, end } = this.running.get(requestId)!;
    const claimed = request.begun ??
      await this.store.requests.claim(request.seq, claimAt(2_000));
    assert.equal(await this.store.requests.finish(claimed!.claim, ending()), true);
    end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.router.stop({ drainMs: 60_000 });
    for (const { end } of this.running.values()) end();
    await stopped;
    await this.store[Symbol.asyncDispose]();
    await this.#place[Symbol.asyncDispose]();
  }

  #run(request: QueuedRequest): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { requestId } = request;
    const end = () => {
      this.running.delete(requestId);
      resolve();
    };
    this.running.set(requestId, { request, end });
    return promise;
  }
}

Deno.test("an accepted message is durable, announced, and runs at once if its channel is idle", async () => {
  await using stage = await Stage.open();
  assert.deepEqual(await stage.submit("a"), { type: "running" });
  assert.deepEqual(await stage.submit("b"), { type: "queued", position: 1 });
  assert.deepEqual(await stage.submit("c"), { type: "queued", position: 2 });
  assert.deepEqual([...stage.running.keys()], ["a"]);
  const stored = await stage.store.requests.unfinished();
  assert.deepEqual(stored.map(({ requestId }) => requestId), ["a", "b", "c"]);
  assert.deepEqual(stage.received[0], {
    node_id: "node-1",
    platform: "test",
    user_id: "user-1",
    channel_id: "channel-1",
    request_id: "a",
    content: "Hello",
  });
  assert.equal(stage.received.length, 3);
});

Deno.test("a message is claimed with its acceptance only if its turn starts at once", async () => {
  await using stage = await Stage.open({ concurrentTurns: 1 });
  await stage.submit("a");
  assert.equal(stage.running.get("a")!.request.begun?.message.requestId, "a");
  await stage.submit("b");
  await stage.finish("a");
  await stage.submit("elsewhere", { channel: { id: "channel-2" } });
  assert.equal(stage.running.get("b")!.request.begun, undefined);
});

Deno.test("a message to be collected is not claimed with its acceptance", async () => {
  await using stage = await Stage.open({ overlap: "collect" });
  await stage.submit("a");
  assert.equal(stage.running.get("a")!.request.begun, undefined);
});

Deno.test("a repeated message is a duplicate while it waits or runs, and answered when it is done", async () => {
  await using stage = await Stage.open();
  await stage.submit("a");
  await stage.submit("b");
  assert.deepEqual(await stage.submit("a"), { type: "duplicate", position: undefined });
  assert.deepEqual(await stage.submit("b"), { type: "duplicate", position: 1 });
  const { seq } = stage.running.get("a")!.request;
  await stage.finish("a");
  assert.deepEqual(await stage.submit("a"), { type: "answered", seq });
  assert.equal(stage.received.length, 2);
});

Deno.test("the id of another adapter is no duplicate", async () => {
  await using stage = await Stage.open();
  await stage.submit("a");
  const other = { nodeId: "node-2", platform: "test" };
  const submission = await stage.intake.submit(other, message("a", { content: "Hello" }));
  assert.deepEqual(submission, { type: "queued", position: 1 });
});

Deno.test("fields that an adapter may change in a retry do not count", async () => {
  await using stage = await Stage.open();
  await stage.submit("a");
  const retry = { metadata: { attempt: 2 }, priority: "high", user: { id: "user-1" } } as const;
  assert.equal((await stage.submit("a", retry)).type, "duplicate");
});

for (
  const [name, fields] of Object.entries({
    content: { content: "Something else" },
    user: { user: { id: "user-2" } },
    thread: { channel: { id: "channel-1" } },
    attachments: { attachments: [] },
  })
) {
  Deno.test(`a known id with different ${name} is duplicate_conflict`, async () => {
    await using stage = await Stage.open();
    await stage.submit("a");
    const error = await stage.rejection("a", fields);
    assert.equal(error.code, "duplicate_conflict");
    assert.equal(error.recoverable, false);
  });
}

Deno.test("a full channel rejects new messages, but still recognizes duplicates", async () => {
  await using stage = await Stage.open({ queuedPerChannel: 1 });
  await stage.submit("a");
  await stage.submit("b");
  const error = await stage.rejection("c");
  assert.equal(error.code, "queue_full");
  assert.equal(error.recoverable, true);
  assert.deepEqual(error.details, { reason: "channel" });
  assert.equal((await stage.submit("b")).type, "duplicate");
  assert.equal((await stage.submit("c", { channel: { id: "channel-2" } })).type, "running");
});

Deno.test("a rejected message is not stored and can be sent again", async () => {
  await using stage = await Stage.open({ queuedPerChannel: 1 });
  await stage.submit("a");
  await stage.submit("b");
  await stage.rejection("c");
  assert.equal((await stage.store.requests.unfinished()).length, 2);
  assert.equal(stage.received.length, 2);
  await stage.finish("a");
  assert.deepEqual(await stage.submit("c"), { type: "queued", position: 1 });
});

Deno.test("a message that exceeds the byte quota is rejected", async () => {
  await using stage = await Stage.open({ queuedBytes: 2_000 });
  await stage.submit("a", { content: "x".repeat(1_000) });
  const large = { content: "y".repeat(1_000), channel: { id: "channel-2" } };
  const error = await stage.rejection("b", large);
  assert.equal(error.code, "queue_full");
  assert.deepEqual(error.details, { reason: "bytes" });
  await stage.finish("a");
  assert.equal((await stage.submit("b", large)).type, "running");
});

Deno.test("with overlap reject a message is only accepted in an idle channel", async () => {
  await using stage = await Stage.open();
  assert.equal((await stage.submit("a", { overlap: "reject" })).type, "running");
  const error = await stage.rejection("b", { overlap: "reject" });
  assert.equal(error.code, "queue_full");
  assert.deepEqual(error.details, { reason: "busy" });
  assert.equal((await stage.submit("a", { overlap: "reject" })).type, "duplicate");
  assert.equal((await stage.submit("c", { overlap: "queue" })).type, "queued");
});

Deno.test("the channel's overlap applies to messages that do not set one", async () => {
  await using stage = await Stage.open({ overlap: "reject" });
  await stage.submit("a");
  const error = await stage.rejection("b");
  assert.deepEqual(error.details, { reason: "busy" });
});

Deno.test("after close every message is rejected with shutting_down", async () => {
  await using stage = await Stage.open();
  stage.intake.close();
  const error = await stage.rejection("a");
  assert.equal(error.code, "shutting_down");
  assert.equal(error.recoverable, true);
  assert.deepEqual(await stage.store.requests.unfinished(), []);
});

Deno.test("when the store fails the reservation is released", async () => {
  const requests = {
    accept: () => Promise.reject(new Error("disk full")),
    unfinished: () => Promise.resolve([]),
  };
  await using stage = await Stage.open({ requests, concurrentTurns: 1 });
  await assert.rejects(stage.submit("a"), /disk full/);
  const idle = { active: 0, queued: 0, channels: 0, held: 0, bytes: 0 };
  assert.deepEqual(stage.router.figures(), idle);
  assert.equal(stage.received.length, 0);
});

Deno.test("unfinished requests of an earlier process are queued again, in order", async () => {
  await using earlier = await Stage.open();
  for (const id of ["a", "b", "c"]) await earlier.submit(id);
  await earlier.finish("a");
  await using stage = await Stage.open({ requests: earlier.store.requests });
  assert.equal(await stage.intake.recover(), 2);
  assert.deepEqual([...stage.running.keys()], ["b"]);
  assert.deepEqual(await stage.submit("c"), { type: "duplicate", position: 1 });
  assert.equal(stage.received.length, 0);
});

Deno.test("requests are cancelled by id or by channel, for their own adapter only", async () => {
  await using stage = await Stage.open();
  for (const id of ["a", "b", "c"]) await stage.submit(id);
  const other = { nodeId: "node-2", platform: "test" };
  assert.equal(stage.intake.cancelRequest(other, "b"), false);
  assert.equal(stage.intake.cancelChannel(other, "channel-1"), 0);
  assert.equal(stage.intake.cancelRequest(sender, "b"), true);
  assert.equal(stage.intake.cancelRequest(sender, "b"), false);
  assert.equal(stage.intake.cancelChannel(sender, "channel-1"), 2);
});
