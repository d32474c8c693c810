import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { EventBus } from "../../src/domain/events.ts";
import type { Model } from "../../src/llm/catalog.ts";
import { Liveness, longestSilenceMs } from "../../src/app/liveness.ts";
import { SqliteStore } from "../../src/store/sqlite/store.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const store = { probe: () => Promise.resolve() };

function queue(active: number, queued: number) {
  return { figures: () => ({ active, queued, held: 0 }) };
}

Deno.test("a locked or closed store is a standstill", async () => {
  await using folder = new TempFolder();
  const sqlite = SqliteStore.open(folder.path);
  const liveness = new Liveness({
    store: sqlite,
    router: queue(0, 0),
    events: new EventBus(),
    silenceMs: 1000,
  });
  assert.equal(await liveness.standstill(), undefined);
  const other = new DatabaseSync(join(folder.path, "gateway.db"));
  other.exec("BEGIN IMMEDIATE");
  assert.match(await liveness.standstill() ?? "", /Cannot write to the store: .*locked/);
  other.exec("ROLLBACK");
  other.close();
  assert.equal(await liveness.standstill(), undefined);
  await sqlite[Symbol.asyncDispose]();
  assert.match(await liveness.standstill() ?? "", /Cannot write to the store/);
});

Deno.test("a store that does not answer is a standstill", async () => {
  const liveness = new Liveness({
    store: { probe: () => new Promise(() => {}) },
    router: queue(0, 0),
    events: new EventBus(),
    silenceMs: 1000,
    storeMs: 20,
  });
  assert.equal(await liveness.standstill(), "the store does not answer");
});

Deno.test("messages waiting while no turn runs are a standstill at the second check", async () => {
  let active = 0;
  const router = { figures: () => ({ active, queued: 3, held: 0 }) };
  const liveness = new Liveness({ store, router, events: new EventBus(), silenceMs: 1000 });
  assert.equal(await liveness.standstill(), undefined);
  active = 1;
  assert.equal(await liveness.standstill(), undefined);
  active = 0;
  assert.equal(await liveness.standstill(), undefined);
  assert.equal(await liveness.standstill(), "3 messages wait and no turn runs");
});

Deno.test("turns without progress for too long are a standstill until one makes progress", async () => {
  let now = 0;
  const events = new EventBus();
  const liveness = new Liveness({
    store,
    router: queue(2, 0),
    events,
    silenceMs: 60_000,
    now: () => now,
  });
  now = 60_000;
  assert.equal(await liveness.standstill(), undefined);
  // Incoming messages are no progress.
  events.emit("message:received", { content: "hello?" });
  now = 61_000;
  assert.equal(await liveness.standstill(), "2 turns made no progress for 61 seconds");
  events.emit("tool:end", { tool_name: "a", call_id: "b", duration_ms: 1 });
  assert.equal(await liveness.standstill(), undefined);
});

Deno.test("a running tool counts as progress for as long as it runs", async () => {
  let now = 0;
  const events = new EventBus();
  const router = queue(1, 0);
  const liveness = new Liveness({ store, router, events, silenceMs: 60_000, now: () => now });
  const call = { request_id: "r", tool_name: "a", call_id: "call_0" };
  // A call interrupted by a restart ends without having started.
  events.emit("tool:error", { ...call, duration_ms: 0, error: "interrupted" });
  events.emit("tool:start", call);
  events.emit("tool:start", call);
  now = 3_600_000;
  assert.equal(await liveness.standstill(), undefined);
  events.emit("tool:end", { ...call, duration_ms: 1 });
  now += 3_600_000;
  assert.equal(await liveness.standstill(), undefined);
  events.emit("tool:error", { ...call, duration_ms: 1, error: "no" });
  now += 60_000;
  assert.equal(await liveness.standstill(), undefined);
  now += 1_000;
  assert.equal(await liveness.standstill(), "1 turns made no progress for 61 seconds");
});

Deno.test("the longest silence is the slowest provider's, with continuations and auto-proceed", () => {
  const model = (totalMs: number) => ({ name: `${totalMs}`, provider: { totalMs } }) as Model;
  const tiers = { high: [model(1_000), model(5_000)], mid: [model(2_000)], low: [] };
  const options = { continuations: 2, autoProceed: false, models: { tiers } };
  assert.equal(longestSilenceMs(options), 20_000);
  assert.equal(longestSilenceMs({ ...options, autoProceed: true }), 80_000);
  assert.equal(longestSilenceMs({ continuations: 2, autoProceed: true }), 0);
});
