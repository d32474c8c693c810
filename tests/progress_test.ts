import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { EventBus } from "../src/events.ts";
import { Progress } from "../src/progress.ts";
import { SqliteStore } from "../src/store/sqlite_store.ts";
import { TempFolder } from "./support/temp_folder.ts";

const store = { probe: () => Promise.resolve() };

function queue(active: number, queued: number) {
  return { figures: () => ({ active, queued, held: 0 }) };
}

Deno.test("a store that others have locked, or that is closed, does not get on", async () => {
  await using folder = new TempFolder();
  const sqlite = SqliteStore.open(folder.path);
  const progress = new Progress({
    store: sqlite,
    router: queue(0, 0),
    events: new EventBus(),
    silenceMs: 1000,
  });
  assert.equal(await progress.standstill(), undefined);
  const other = new DatabaseSync(join(folder.path, "gateway.db"));
  other.exec("BEGIN IMMEDIATE");
  assert.match(await progress.standstill() ?? "", /Cannot write to the store: .*locked/);
  other.exec("ROLLBACK");
  other.close();
  assert.equal(await progress.standstill(), undefined);
  await sqlite[Symbol.asyncDispose]();
  assert.match(await progress.standstill() ?? "", /Cannot write to the store/);
});

Deno.test("a store that never answers does not get on", async () => {
  const progress = new Progress({
    store: { probe: () => new Promise(() => {}) },
    router: queue(0, 0),
    events: new EventBus(),
    silenceMs: 1000,
    storeMs: 20,
  });
  assert.equal(await progress.standstill(), "the store does not answer");
});

Deno.test("messages that wait while no turn runs are a standstill at the second look", async () => {
  let active = 0;
  const router = { figures: () => ({ active, queued: 3, held: 0 }) };
  const progress = new Progress({ store, router, events: new EventBus(), silenceMs: 1000 });
  assert.equal(await progress.standstill(), undefined);
  active = 1;
  assert.equal(await progress.standstill(), undefined);
  active = 0;
  assert.equal(await progress.standstill(), undefined);
  assert.equal(await progress.standstill(), "3 messages wait and no turn runs");
});

Deno.test("turns that give no sign for too long are a standstill until one does", async () => {
  let now = 0;
  const events = new EventBus();
  const progress = new Progress({
    store,
    router: queue(2, 0),
    events,
    silenceMs: 60_000,
    now: () => now,
  });
  now = 60_000;
  assert.equal(await progress.standstill(), undefined);
  // What others send is no sign of a turn.
  events.emit("message:received", { content: "hello?" });
  now = 61_000;
  assert.equal(await progress.standstill(), "2 turns gave no sign for 61 seconds");
  events.emit("tool:end", { tool_name: "a", call_id: "b", duration_ms: 1 });
  assert.equal(await progress.standstill(), undefined);
});
