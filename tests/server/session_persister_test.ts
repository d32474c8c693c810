/** Sessions over restarts, against what an adapter must see of them: random orders of all that can happen. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { EventBus } from "../../src/domain/events.ts";
import { AdapterRegistry } from "../../src/server/registry.ts";
import type { AdapterConnection } from "../../src/server/adapter_connection.ts";
import type { Connection } from "../../src/server/connection.ts";
import { SessionPersister } from "../../src/server/session_persister.ts";
import type { AdapterSession, FrameStore, SessionChanges } from "../../src/store/frame_store.ts";
import type { Store } from "../../src/store/store.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_place.ts";

const identity = {
  nodeId: "node-1",
  platform: "test",
  capabilities: ["streaming", "resume"],
};

/** A connection as the hub sees it; what was sent is still on the wire. */
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

/** A store that can be told to take nothing. */
class BrokenStore implements FrameStore {
  broken = false;
  readonly #frames: FrameStore;

  constructor(frames: FrameStore) {
    this.#frames = frames;
  }

  save(changes: SessionChanges): Promise<void> {
    return this.broken ? Promise.reject(new Error("full")) : this.#frames.save(changes);
  }

  sessions(): Promise<readonly AdapterSession[]> {
    return this.#frames.sessions();
  }
}

/** An adapter and the gateway that it speaks to, one process after the other. */
class World {
  readonly #store: BrokenStore;
  #keeper!: SessionPersister;
  #hub!: AdapterRegistry;
  #link!: AdapterConnection;
  #wire!: Wire;
  #sessionId?: string;
  /** What the gateway says that it has sent in the session, in order. */
  #sent: string[] = [];
  /** How many of these the adapter has seen. */
  #seen = 0;
  #counter = 0;
  sessions = 0;

  constructor(store: Store) {
    this.#store = new BrokenStore(store.frames);
  }

  /** A process begins, and the adapter comes to it. `all` where nothing may be missing. */
  async begin({ all }: { readonly all: boolean }): Promise<void> {
    this.#store.broken = false;
    // It writes when it is told to; nothing waits for a timer.
    this.#keeper = new SessionPersister({ store: this.#store, gatherMs: 1_000_000 });
    this.#hub = new AdapterRegistry({
      events: new EventBus(),
      resumeMs: 1_000_000,
      keeper: this.#keeper,
    });
    await this.#hub.load();
    const [stored] = await this.#store.sessions();
    const known = stored?.sessionId === this.#sessionId && stored;
    if (all) assert.equal(known && known.lastSeq, this.#sent.length);
    if (known) {
      const { before, lastSeq, frames } = known;
      assert.deepEqual(frames.map(contentOf), this.#sent.slice(before, lastSeq));
      // Of what the adapter has not seen the rest is gone with the process.
      if (this.#seen <= lastSeq) this.#sent.length = lastSeq;
    }
    this.#connect(known !== undefined && known !== false && this.#seen <= known.lastSeq);
  }

  #connect(resumes: boolean): void {
    const point = { sessionId: this.#sessionId ?? "none", lastSeq: this.#seen };
    assert.equal(this.#hub.canResume(identity.nodeId, point), resumes);
    const wire = this.#wire = new Wire();
    const connection = wire as unknown as Connection;
    if (resumes) {
      const { lastSeq } = point;
      this.#link = this.#hub.resume(identity.nodeId, { lastSeq, connection, welcome: {} });
      assert.equal(wire.texts.length, this.#sent.length - this.#seen);
      return;
    }
    this.#link = this.#hub.attach(identity, { connection, welcome: () => ({}) });
    this.#sessionId = this.#link.sessionId;
    this.#sent = [];
    this.#seen = 0;
    this.sessions++;
  }

  send(): void {
    const text = `text ${++this.#counter}`;
    this.#sent.push(text);
    const ids = { requestId: "r", responseId: "s" };
    this.#link.send("clara-1", { type: "chunk", text, done: false, ...ids });
  }

  /** The adapter takes some of what is on the wire. */
  take(count: number): void {
    for (const text of this.#wire.texts.splice(0, count)) {
      assert.equal(JSON.parse(text).seq, this.#seen + 1);
      assert.equal(contentOf(text), this.#sent[this.#seen++]);
    }
  }

  acknowledge(): void {
    this.#link.acknowledge(this.#seen);
  }

  async write(): Promise<void> {
    await this.#keeper.write().catch(() => {});
  }

  break(): void {
    this.#store.broken = !this.#store.broken;
  }

  cut(): void {
    this.#wire.close();
    this.#connect(true);
  }

  async forget(): Promise<void> {
    await this.#hub.forgetFrames(identity.platform).catch(() => {});
    // It is still on the wire; whoever loses the wire now has to begin anew.
    this.take(Infinity);
  }

  async stop(): Promise<void> {
    this.#store.broken = false;
    this.#hub.close();
    this.#wire.close();
    await this.#keeper.stop();
    await this.begin({ all: true });
  }

  async kill(): Promise<void> {
    // Only what is on the disk is left; a timer would write for a process that is dead.
    this.#store.broken = true;
    await this.#keeper.stop();
    this.#hub.close();
    await this.begin({ all: false });
  }

  async end(): Promise<void> {
    this.#hub.close();
    await this.#keeper.stop();
  }
}

function contentOf(text: string): string {
  return JSON.parse(text).content;
}

Deno.test("whatever happens to gateway, disk and line, each number comes once, in order, with what was sent under it", async () => {
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

Deno.test("what happens within a moment is one write, and an adapter without resume is none", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const saves: SessionChanges[] = [];
  const written = Promise.withResolvers<void>();
  const keeper = new SessionPersister({
    gatherMs: 20,
    store: {
      sessions: () => store.frames.sessions(),
      async save(changes) {
        saves.push(changes);
        await store.frames.save(changes);
        written.resolve();
      },
    },
  });
  const hub = new AdapterRegistry({ events: new EventBus(), resumeMs: 1_000_000, keeper });
  const connect = (nodeId: string, capabilities: readonly string[]) =>
    hub.attach({ ...identity, nodeId, capabilities }, {
      connection: new Wire() as unknown as Connection,
      welcome: () => ({}),
    });
  const links = [
    connect("a", ["resume"]),
    connect("b", ["resume", "streaming"]),
    connect("c", ["streaming"]),
  ];
  const frame = { requestId: "r", responseId: "s", type: "chunk", text: "x", done: false } as const;
  for (let count = 0; count < 5; count++) links.forEach((link) => link.send("clara-1", frame));
  links[1]!.acknowledge(5);
  // Without numbers nothing can be asked for again.
  links[0]!.send("clara-py", frame);
  await written.promise;
  hub.close();
  await keeper.stop();
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
