/** Adapter sessions across restarts: random sequences of events, checked from the adapter's side. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { EventBus } from "../../src/domain/events.ts";
import { AdapterRegistry } from "../../src/server/registry.ts";
import type { AdapterSession } from "../../src/server/adapter_session.ts";
import type { Connection } from "../../src/server/connection.ts";
import { SessionPersister } from "../../src/server/session_persister.ts";
import type {
  FrameStore,
  SessionChanges,
  StoredAdapterSession,
} from "../../src/store/frame_store.ts";
import type { Store } from "../../src/store/store.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_folder.ts";

const identity = {
  nodeId: "node-1",
  platform: "test",
  capabilities: ["streaming", "resume"],
};

/** A connection whose frames stay on the wire until the adapter reads them. */
class Wire {
  readonly texts: string[] = [];
  readonly open = true;
  readonly writable = true;
  #onClose?: (reason: string) => void;

  send(): void {}

  sendText(text: string): void {
    this.texts.push(text);
  }

  onClose(callback: (reason: string) => void): void {
    this.#onClose = callback;
  }

  close(): void {
    this.#onClose?.("closed");
  }

  whenWritable(callback: () => void): void {
    callback();
  }
}

/** A store whose writes can be made to fail. */
class BrokenStore implements FrameStore {
  broken = false;
  readonly #frames: FrameStore;

  constructor(frames: FrameStore) {
    this.#frames = frames;
  }

  save(changes: SessionChanges): Promise<void> {
    return this.broken ? Promise.reject(new Error("full")) : this.#frames.save(changes);
  }

  sessions(): Promise<readonly StoredAdapterSession[]> {
    return this.#frames.sessions();
  }
}

/** An adapter and its gateway, which is stopped, killed and started again. */
class World {
  readonly #store: BrokenStore;
  #persister!: SessionPersister;
  #registry!: AdapterRegistry;
  #session!: AdapterSession;
  #wire!: Wire;
  #sessionId?: string;
  /** What the gateway has sent in the session, in order. */
  #sent: string[] = [];
  /** How many of them the adapter has seen. */
  #seen = 0;
  #counter = 0;
  sessions = 0;

  constructor(store: Store) {
    this.#store = new BrokenStore(store.frames);
  }

  /** Starts a gateway and connects the adapter. With `all`, no frame may be missing. */
  async begin({ all }: { readonly all: boolean }): Promise<void> {
    this.#store.broken = false;
    // Writes happen only on `write`, never by timer.
    this.#persister = new SessionPersister({ store: this.#store, batchMs: 1_000_000 });
    this.#registry = new AdapterRegistry({
      events: new EventBus(),
      resumeMs: 1_000_000,
      persister: this.#persister,
    });
    await this.#registry.load();
    const [stored] = await this.#store.sessions();
    const known = stored?.sessionId === this.#sessionId && stored;
    if (all) assert.equal(known && known.lastSeq, this.#sent.length);
    if (known) {
      const { before, lastSeq, frames } = known;
      assert.deepEqual(frames.map(contentOf), this.#sent.slice(before, lastSeq));
      // Frames that were neither saved nor seen are lost with the process.
      if (this.#seen <= lastSeq) this.#sent.length = lastSeq;
    }
    this.#connect(known !== undefined && known !== false && this.#seen <= known.lastSeq);
  }

  #connect(resumes: boolean): void {
    const point = { sessionId: this.#sessionId ?? "none", lastSeq: this.#seen };
    assert.equal(this.#registry.canResume(identity.nodeId, point), resumes);
    const wire = this.#wire = new Wire();
    const connection = wire as unknown as Connection;
    if (resumes) {
      const { lastSeq } = point;
      this.#session = this.#registry.resume(identity.nodeId, { lastSeq, connection, welcome: {} });
      assert.equal(wire.texts.length, this.#sent.length - this.#seen);
      return;
    }
    this.#session = this.#registry.attach(identity, { connection, welcome: () => ({}) });
    this.#sessionId = this.#session.sessionId;
    this.#sent = [];
    this.#seen = 0;
    this.sessions++;
  }

  send(): void {
    const text = `text ${++this.#counter}`;
    this.#sent.push(text);
    const ids = { requestId: "r", responseId: "s" };
    this.#session.send("clara-1", { type: "chunk", text, done: false, ...ids });
  }

  /** The adapter reads some of the frames on the wire. */
  take(count: number): void {
    for (const text of this.#wire.texts.splice(0, count)) {
      assert.equal(JSON.parse(text).seq, this.#seen + 1);
      assert.equal(contentOf(text), this.#sent[this.#seen++]);
    }
  }

  acknowledge(): void {
    this.#session.acknowledge(this.#seen);
  }

  async write(): Promise<void> {
    await this.#persister.write().catch(() => {});
  }

  break(): void {
    this.#store.broken = !this.#store.broken;
  }

  cut(): void {
    this.#wire.close();
    this.#connect(true);
  }

  async forget(): Promise<void> {
    await this.#registry.forgetFrames(identity.platform).catch(() => {});
    // Read what is still on the wire: an adapter that misses frames now could not resume.
    this.take(Infinity);
  }

  async stop(): Promise<void> {
    this.#store.broken = false;
    this.#registry.beginShutdown();
    this.#wire.close();
    await this.#persister.stop();
    await this.begin({ all: true });
  }

  async kill(): Promise<void> {
    // Only the saved state survives: no timer may write for the dead process.
    this.#store.broken = true;
    await this.#persister.stop();
    this.#registry.beginShutdown();
    await this.begin({ all: false });
  }

  async end(): Promise<void> {
    this.#registry.beginShutdown();
    await this.#persister.stop();
  }
}

function contentOf(text: string): string {
  return JSON.parse(text).content;
}

Deno.test("whatever happens to gateway, disk and network, each frame number arrives once, in order, with its own content", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant("send" as const) },
    { weight: 4, arbitrary: fc.nat({ max: 6 }) },
    { weight: 4, arbitrary: fc.constantFrom("write" as const, "acknowledge" as const) },
    { weight: 3, arbitrary: fc.constantFrom("break" as const, "stop" as const, "kill" as const) },
    { weight: 1, arbitrary: fc.constantFrom("cut" as const, "forget" as const) },
  );
  await using place = new SqliteFolder();
  await using store = await place.open();
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 60, size: "max" }),
    async (steps) => {
      const world = new World(store);
      await world.begin({ all: false });
      for (const next of steps) {
        if (typeof next === "number") world.take(next);
        else await world[next]();
      }
      world.take(Infinity);
      await world.end();
    },
  );
  await fc.assert(property, { seed: 7, numRuns: 600 });
});

Deno.test("changes are batched into one write, and sessions without resume are not saved", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const saves: SessionChanges[] = [];
  const written = Promise.withResolvers<void>();
  const persister = new SessionPersister({
    batchMs: 20,
    store: {
      sessions: () => store.frames.sessions(),
      async save(changes) {
        saves.push(changes);
        await store.frames.save(changes);
        written.resolve();
      },
    },
  });
  const registry = new AdapterRegistry({ events: new EventBus(), resumeMs: 1_000_000, persister });
  const connect = (nodeId: string, capabilities: readonly string[]) =>
    registry.attach({ ...identity, nodeId, capabilities }, {
      connection: new Wire() as unknown as Connection,
      welcome: () => ({}),
    });
  const connected = [
    connect("a", ["resume"]),
    connect("b", ["resume", "streaming"]),
    connect("c", ["streaming"]),
  ];
  const frame = { requestId: "r", responseId: "s", type: "chunk", text: "x", done: false } as const;
  for (let count = 0; count < 5; count++) {
    connected.forEach((session) => session.send("clara-1", frame));
  }
  connected[1]!.acknowledge(5);
  // Frames without numbers cannot be replayed, so this session is not saved either.
  connected[0]!.send("clara-py", frame);
  await written.promise;
  registry.beginShutdown();
  await persister.stop();
  assert.equal(saves.length, 1);
  const [{ sessions, ended }] = saves as [SessionChanges];
  assert.deepEqual(
    sessions.map(({ nodeId, frames, before, lastSeq }) => ({
      nodeId,
      frames,
      before,
      lastSeq,
    })),
    [{ nodeId: "b", frames: [], before: 5, lastSeq: 5 }],
  );
  assert.deepEqual(ended, []);
});
