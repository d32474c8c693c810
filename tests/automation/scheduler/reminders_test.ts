import assert from "node:assert/strict";
import { EventBus, type GatewayEvent } from "../../../src/domain/events.ts";
import type { Prompt } from "../../../src/automation/scheduler/prompt.ts";
import { ReminderScheduler } from "../../../src/automation/scheduler/reminders.ts";
import type { ReminderStore } from "../../../src/store/reminder_store.ts";
import type { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { reminderOf } from "../../store/conformance/reminders.ts";
import { SqliteFolder } from "../../store/sqlite/sqlite_place.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const minute = 60_000;
const noon = "2026-05-01T12:00:00Z";

/** Reminders on a real store, and a channel that takes what it is given unless it is told not to. */
class ReminderBench implements AsyncDisposable {
  readonly clock = new FakeClock({ at: noon });
  readonly said: Prompt[] = [];
  readonly events: GatewayEvent[] = [];
  readonly reminders: ReminderScheduler;
  /** Throws where the channel or the store is to fail. */
  refuse: (prompt: Prompt) => void = () => {};
  failing: (method: keyof ReminderStore) => void = () => {};

  static async open(): Promise<ReminderBench> {
    const place = new SqliteFolder();
    return new ReminderBench(place, await place.open());
  }

  private constructor(readonly place: SqliteFolder, readonly store: SqliteStore) {
    const bus = new EventBus();
    bus.subscribe((event) => this.events.push(event));
    this.reminders = new ReminderScheduler({
      store: this.#store(),
      prompts: { submit: (prompt) => this.#submit(prompt) },
      events: bus,
      clock: this.clock,
    });
  }

  /** Sets one that is due after so long. */
  async add(id: string, ms: number): Promise<void> {
    await this.reminders.add(reminderOf(id, { dueAt: this.clock.now() + ms }));
  }

  get ids(): readonly string[] {
    return this.said.map(({ task }) => task);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reminders.stop();
    await this.store[Symbol.asyncDispose]();
    await this.place[Symbol.asyncDispose]();
  }

  async #submit(prompt: Prompt): Promise<void> {
    await Promise.resolve();
    this.refuse(prompt);
    const known = this.said.some(({ requestId }) => requestId === prompt.requestId);
    if (!known) this.said.push(prompt);
  }

  #store(): ReminderStore {
    const { reminders } = this.store;
    const call = async <T>(method: keyof ReminderStore, run: () => Promise<T>) => {
      this.failing(method);
      return await run();
    };
    return {
      add: (...args) => call("add", () => reminders.add(...args)),
      due: (...args) => call("due", () => reminders.due(...args)),
      nextDueAt: () => call("nextDueAt", () => reminders.nextDueAt()),
      forUser: (...args) => call("forUser", () => reminders.forUser(...args)),
      postpone: (...args) => call("postpone", () => reminders.postpone(...args)),
      remove: (...args) => call("remove", () => reminders.remove(...args)),
    };
  }
}

Deno.test("a reminder is put into its channel at its time, with all that is needed", async () => {
  await using bench = await ReminderBench.open();
  await bench.add("a", 5 * minute);
  await bench.clock.pass(5 * minute - 1);
  assert.equal(bench.said.length, 0);
  await bench.clock.pass(1);
  const { requestId, text, ...prompt } = bench.said[0]!;
  assert.match(requestId, /^reminder-a/);
  assert.ok(text.startsWith("(A reminder that is due now. On 2026-05-01T12:00:00.000Z the user"));
  const { nodeId, platform, user, channel, text: wish } = reminderOf("a");
  assert.ok(text.endsWith(`\n${wish}`));
  assert.deepEqual(prompt, {
    task: "reminder-a",
    to: { nodeId, platform, user, channel },
    fallback: `⏰ ${wish}`,
  });
  assert.deepEqual(bench.events.map(({ name }) => name), ["scheduler:task_run"]);
  await bench.clock.pass(60 * minute);
  assert.equal(bench.said.length, 1);
  assert.equal(bench.clock.timers, 0, "nothing is waited for");
});

Deno.test("reminders come in the order of their times, a later one may be set first", async () => {
  await using bench = await ReminderBench.open();
  await bench.add("late", 20 * minute);
  await bench.add("soon", minute);
  await bench.add("now", 0);
  await bench.clock.settle();
  assert.deepEqual(bench.ids, ["reminder-now"]);
  await bench.clock.pass(30 * minute);
  assert.deepEqual(bench.ids, ["reminder-now", "reminder-soon", "reminder-late"]);
});

Deno.test("a machine that slept, or a clock set ahead, delays a reminder by half a minute at most", async () => {
  await using bench = await ReminderBench.open();
  await bench.add("a", 60 * minute);
  bench.clock.set("2026-05-01T14:00:00Z");
  await bench.clock.pass(31_000);
  assert.deepEqual(bench.ids, ["reminder-a"]);
  bench.clock.set(noon);
  await bench.clock.pass(180 * minute);
  assert.equal(bench.said.length, 1);
});

Deno.test("more reminders than are read at a time all arrive", async () => {
  await using bench = await ReminderBench.open();
  for (let index = 0; index < 250; index++) {
    const id = String(index).padStart(3, "0");
    await bench.store.reminders.add(reminderOf(id, { dueAt: 1 }), { cap: 1000 });
  }
  await bench.reminders.look();
  assert.equal(bench.said.length, 250);
  assert.equal(new Set(bench.ids).size, 250);
});

Deno.test("one that its channel refuses is tried again, and does not hold up the others", async () => {
  await using bench = await ReminderBench.open();
  let refused = 0;
  bench.refuse = ({ task }) => {
    if (task !== "reminder-a" || refused === 3) return;
    refused++;
    throw new Error("queue_full");
  };
  await bench.add("a", 1000);
  await bench.add("b", 1000);
  await bench.clock.pass(2000);
  assert.deepEqual(bench.ids, ["reminder-b"]);
  const dueAt = Date.parse(noon) + 1000;
  const [waiting] = await bench.reminders.ofUser("test:user-1");
  assert.equal(waiting!.dueAt, dueAt);
  await bench.clock.pass(minute);
  assert.deepEqual(bench.ids, ["reminder-b", "reminder-a"]);
  assert.equal(refused, 3);
  const told = bench.events.map(({ data }) => (data as { fire_at?: string }).fire_at);
  assert.deepEqual(told, Array(2).fill(new Date(dueAt).toISOString()));
});

for (const method of ["due", "remove", "postpone", "nextDueAt"] as const) {
  Deno.test(`a store that fails at ${method} for a while neither loses nor doubles one`, async () => {
    await using bench = await ReminderBench.open();
    await bench.add("a", 1000);
    let failures = 0;
    if (method === "postpone") {
      bench.refuse = () => {
        if (failures < 2) throw new Error("queue_full");
      };
    }
    bench.failing = (called) => {
      if (called !== method || failures === 2) return;
      failures++;
      throw new Error("disk full");
    };
    await bench.clock.pass(5 * minute);
    assert.equal(failures, 2);
    assert.deepEqual(bench.ids, ["reminder-a"]);
    assert.equal(await bench.store.reminders.nextDueAt(), undefined);
  });
}

Deno.test("one that is cancelled does not arrive, and only its user can cancel it", async () => {
  await using bench = await ReminderBench.open();
  await bench.add("a", minute);
  assert.equal(await bench.reminders.cancel("a", { userKey: "test:user-2" }), false);
  assert.equal((await bench.reminders.ofUser("test:user-1")).length, 1);
  assert.equal(await bench.reminders.cancel("a", { userKey: "test:user-1" }), true);
  await bench.clock.pass(5 * minute);
  assert.deepEqual(bench.said, []);
});

Deno.test("after a stop none is taken up, and the next start finds it", async () => {
  await using bench = await ReminderBench.open();
  await bench.add("a", minute);
  await bench.reminders.stop();
  await bench.clock.pass(5 * minute);
  assert.deepEqual(bench.said, []);
  assert.equal(bench.clock.timers, 0);
  assert.equal((await bench.store.reminders.due({ now: bench.clock.now(), limit: 9 })).length, 1);
});
