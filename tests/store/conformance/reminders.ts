/** Tests of reminders. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Reminder } from "../../../src/store/reminder_store.ts";
import type { Store } from "../../../src/store/store.ts";
import type { StoreTest } from "./store.ts";

/** A reminder of user-1 with every kind of field, due at time 5000. */
export function reminderOf(id: string, fields: Partial<Reminder> = {}): Reminder {
  return {
    id,
    userKey: "test:user-1",
    nodeId: "node-1",
    platform: "test",
    user: { id: "user-1", name: "Ada \u{1F600}" },
    channel: { id: "channel-1", type: "dm", threadId: "thread-1" },
    text: "stretch\u0000your 'legs'\n$(x) \u{1F600}",
    dueAt: 5000,
    createdAt: 1000,
    ...fields,
  };
}

const cap = 100;

async function dueIds(store: Store, now: number, limit = 9): Promise<readonly string[]> {
  return (await store.reminders.due({ now, limit })).map(({ id }) => id);
}

/** Declares the tests. */
export function testReminders(test: StoreTest): void {
  test("a reminder is stored with all its fields, including NUL", async (store) => {
    assert.equal(await store.reminders.add(reminderOf("a"), { cap }), true);
    assert.deepEqual(await store.reminders.due({ now: 5000, limit: 9 }), [reminderOf("a")]);
    assert.deepEqual(await store.reminders.forUser("test:user-1"), [reminderOf("a")]);
  });

  test("due reminders are returned up to the limit, the earliest first", async (store) => {
    for (const [id, dueAt] of [["c", 3000], ["a", 1000], ["b", 2000], ["d", 4000]] as const) {
      await store.reminders.add(reminderOf(id, { dueAt }), { cap });
    }
    assert.deepEqual(await dueIds(store, 999), []);
    assert.deepEqual(await dueIds(store, 3000), ["a", "b", "c"]);
    assert.deepEqual(await dueIds(store, 9000, 2), ["a", "b"]);
    const own = await store.reminders.forUser("test:user-1");
    assert.deepEqual(own.map(({ id }) => id), ["a", "b", "c", "d"]);
  });

  test("the time of the next reminder is returned, if there is one", async (store) => {
    assert.equal(await store.reminders.nextDueAt(), undefined);
    await store.reminders.add(reminderOf("a", { dueAt: 4000 }), { cap });
    await store.reminders.add(reminderOf("b", { dueAt: 3000 }), { cap });
    assert.equal(await store.reminders.nextDueAt(), 3000);
    await store.reminders.remove("b");
    assert.equal(await store.reminders.nextDueAt(), 4000);
  });

  test("the cap on reminders is per user, even for concurrent adds", async (store) => {
    const kept = await Promise.all(
      ["a", "b", "c", "d"].map((id) => store.reminders.add(reminderOf(id), { cap: 3 })),
    );
    assert.deepEqual(kept, [true, true, true, false]);
    const other = reminderOf("e", { userKey: "test:user-2" });
    assert.equal(await store.reminders.add(other, { cap: 3 }), true);
    await store.reminders.remove("a");
    assert.equal(await store.reminders.add(reminderOf("f"), { cap: 3 }), true);
  });

  test("adding a reminder with a known id changes nothing", async (store) => {
    await store.reminders.add(reminderOf("a"), { cap });
    const again = reminderOf("a", { text: "another", userKey: "test:user-2" });
    assert.equal(await store.reminders.add(again, { cap }), true);
    assert.deepEqual(await store.reminders.due({ now: 9000, limit: 9 }), [reminderOf("a")]);
  });

  test("a postponed reminder is due later and keeps its `dueAt`", async (store) => {
    await store.reminders.add(reminderOf("a"), { cap });
    await store.reminders.postpone("a", { to: 8000 });
    assert.deepEqual(await dueIds(store, 7999), []);
    assert.equal(await store.reminders.nextDueAt(), 8000);
    assert.deepEqual(await store.reminders.due({ now: 8000, limit: 9 }), [reminderOf("a")]);
    assert.deepEqual(await store.reminders.forUser("test:user-1"), [reminderOf("a")]);
    await store.reminders.postpone("gone", { to: 1 });
    assert.deepEqual(await dueIds(store, 1), []);
  });

  test("a reminder is removed once, and only by its user", async (store) => {
    await store.reminders.add(reminderOf("a"), { cap });
    await store.reminders.add(reminderOf("b"), { cap });
    const remove = (userKey?: string) => store.reminders.remove("a", { userKey });
    assert.equal(await remove("test:user-2"), false);
    assert.equal(await remove("test:user-1"), true);
    assert.equal(await remove("test:user-1"), false);
    assert.equal(await remove(), false);
    assert.equal(await store.reminders.remove("b"), true);
    assert.deepEqual(await dueIds(store, 9000), []);
  });
}
