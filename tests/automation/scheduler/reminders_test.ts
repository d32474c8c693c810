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

/** Reminders on a real store, with failures of the channel and the store on demand. */
class ReminderFixture implements AsyncDisposable {
  readonly clock = new FakeClock({ at: noon });
  readonly said: Prompt[] = [];
  readonly events: GatewayEvent[] = [];
  readonly reminders: ReminderScheduler;
  /** Throw to make the channel or the store fail. */
  refuse: (prompt: Prompt) => void = () => {};
  failing: (method: keyof ReminderStore) => void = () => {};

  static async open(): Promise<ReminderFixture> {
    const place = new SqliteFolder();
    return new ReminderFixture(place, await place.open());
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

  /** Sets a reminder that is due in `ms` milliseconds. */
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

Deno.test("a reminder becomes a prompt in its channel when it is due", async () => {
  await using fixture = await ReminderFixture.open();
  await fixture.add("a", 5 * minute);
  await fixture.clock.advance(5 * minute - 1);
  assert.equal(fixture.said.length, 0);
  await fixture.clock.advance(1);
  const { requestId, text, ...prompt } = fixture.said[0]!;
  assert.match(requestId, /^reminder-a/);
  assert.ok(
    text.startsWith("(A reminder that is due now. The user set it on 2026-05-01T12:00:00.000Z"),
  );
  const { nodeId, platform, user, channel, text: wish } = reminderOf("a");
  assert.ok(text.endsWith(`\n${wish}`));
  assert.deepEqual(prompt, {
    task: "reminder-a",
    to: { nodeId, platform, user, channel },
    fallback: `⏰ ${wish}`,
  });
  assert.deepEqual(fixture.events.map(({ name }) => name), ["scheduler:task_run"]);
  await fixture.clock.advance(60 * minute);
  assert.equal(fixture.said.length, 1);
  assert.equal(fixture.clock.timers, 0, "no timer is left");
});

Deno.test("reminders arrive in order of their due times", async () => {
  await using fixture = await ReminderFixture.open();
  await fixture.add("late", 20 * minute);
  await fixture.add("soon", minute);
  await fixture.add("now", 0);
  await fixture.clock.settle();
  assert.deepEqual(fixture.ids, ["reminder-now"]);
  await fixture.clock.advance(30 * minute);
  assert.deepEqual(fixture.ids, ["reminder-now", "reminder-soon", "reminder-late"]);
});

Deno.test("after sleep or a clock change a reminder is at most half a minute late", async () => {
  await using fixture = await ReminderFixture.open();
  await fixture.add("a", 60 * minute);
  fixture.clock.set("2026-05-01T14:00:00Z");
  await fixture.clock.advance(31_000);
  assert.deepEqual(fixture.ids, ["reminder-a"]);
  fixture.clock.set(noon);
  await fixture.clock.advance(180 * minute);
  assert.equal(fixture.said.length, 1);
});

Deno.test("all reminders arrive, even more than one batch", async () => {
  await using fixture = await ReminderFixture.open();
  for (let index = 0; index < 250; index++) {
    const id = String(index).padStart(3, "0");
    await fixture.store.reminders.add(reminderOf(id, { dueAt: 1 }), { cap: 1000 });
  }
  await fixture.reminders.poll();
  assert.equal(fixture.said.length, 250);
  assert.equal(new Set(fixture.ids).size, 250);
});

Deno.test("a reminder that its channel rejects is retried and does not block others", async () => {
  await using fixture = await ReminderFixture.open();
  let refused = 0;
  fixture.refuse = ({ task }) => {
    if (task !== "reminder-a" || refused === 3) return;
    refused++;
    throw new Error("queue_full");
  };
  await fixture.add("a", 1000);
  await fixture.add("b", 1000);
  await fixture.clock.advance(2000);
  assert.deepEqual(fixture.ids, ["reminder-b"]);
  const dueAt = Date.parse(noon) + 1000;
  const [waiting] = await fixture.reminders.forUser("test:user-1");
  assert.equal(waiting!.dueAt, dueAt);
  await fixture.clock.advance(minute);
  assert.deepEqual(fixture.ids, ["reminder-b", "reminder-a"]);
  assert.equal(refused, 3);
  const fireTimes = fixture.events.map(({ data }) => (data as { fire_at?: string }).fire_at);
  assert.deepEqual(fireTimes, Array(2).fill(new Date(dueAt).toISOString()));
});

for (const method of ["due", "remove", "postpone", "nextDueAt"] as const) {
  Deno.test(`a reminder arrives exactly once if ${method} of the store fails for a while`, async () => {
    await using fixture = await ReminderFixture.open();
    await fixture.add("a", 1000);
    let failures = 0;
    if (method === "postpone") {
      fixture.refuse = () => {
        if (failures < 2) throw new Error("queue_full");
      };
    }
    fixture.failing = (called) => {
      if (called !== method || failures === 2) return;
      failures++;
      throw new Error("disk full");
    };
    await fixture.clock.advance(5 * minute);
    assert.equal(failures, 2);
    assert.deepEqual(fixture.ids, ["reminder-a"]);
    assert.equal(await fixture.store.reminders.nextDueAt(), undefined);
  });
}

Deno.test("a cancelled reminder does not arrive, and only its user can cancel it", async () => {
  await using fixture = await ReminderFixture.open();
  await fixture.add("a", minute);
  assert.equal(await fixture.reminders.cancel("a", { userKey: "test:user-2" }), false);
  assert.equal((await fixture.reminders.forUser("test:user-1")).length, 1);
  assert.equal(await fixture.reminders.cancel("a", { userKey: "test:user-1" }), true);
  await fixture.clock.advance(5 * minute);
  assert.deepEqual(fixture.said, []);
});

Deno.test("after a stop no reminder is delivered, and it stays in the store", async () => {
  await using fixture = await ReminderFixture.open();
  await fixture.add("a", minute);
  await fixture.reminders.stop();
  await fixture.clock.advance(5 * minute);
  assert.deepEqual(fixture.said, []);
  assert.equal(fixture.clock.timers, 0);
  assert.equal(
    (await fixture.store.reminders.due({ now: fixture.clock.now(), limit: 9 })).length,
    1,
  );
});
