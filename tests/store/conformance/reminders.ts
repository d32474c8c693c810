/** The promises about reminders. Part of the store's conformance suite. */

import assert from "node:assert/strict";
import type { Reminder } from "../../../src/store/reminder_store.ts";
import type { Store } from "../../../src/store/store.ts";
import type { StoreTest } from "./store.ts";

/** A reminder of user-1 with every kind of field, due at the time 5000. */
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
export function testReminders(promises: StoreTest): void {
  promises("a reminder is kept with all its fields, NUL included", async (store) => {
    assert.equal(await store.reminders.add(reminderOf("a"), { cap }), true);
    assert.deepEqual(await store.reminders.due({ now: 5000, limit: 9 }), [reminderOf("a")]);
    assert.deepEqual(await store.reminders.forUser("test:user-1"), [reminderOf("a")]);
  });

  promises("reminders are due at their time, the earliest first, so many", async (store) => {
    for (const [id, dueAt] of [["c", 3000], ["a", 1000], ["b", 2000], ["d", 4000]] as const) {
      await store.reminders.add(reminderOf(id, { dueAt }), { cap });
    }
    assert.deepEqual(await dueIds(store, 999), []);
    assert.deepEqual(await dueIds(store, 3000), ["a", "b", "c"]);
    assert.deepEqual(await dueIds(store, 9000, 2), ["a", "b"]);
    const own = await store.reminders.forUser("test:user-1");
    assert.deepEqual(own.map(({ id }) => id), ["a", "b", "c", "d"]);
  });

  promises("the store knows when the next reminder is due, or that none is", async (store) => {
    assert.equal(await store.reminders.nextDueAt(), undefined);
    await store.reminders.add(reminderOf("a", { dueAt: 4000 }), { cap });
    await store.reminders.add(reminderOf("b", { dueAt: 3000 }), { cap });
    assert.equal(await store.reminders.nextDueAt(), 3000);
    await store.reminders.remove("b");
    assert.equal(await store.reminders.nextDueAt(), 4000);
  });

  promises("a user has as many reminders as allowed, others have their own", async (store) => {
    // At the same time: none may slip past the others.
    const kept = await Promise.all(
      ["a", "b", "c", "d"].map((id) => store.reminders.add(reminderOf(id), { cap: 3 })),
    );
    assert.deepEqual(kept, [true, true, true, false]);
    const other = reminderOf("e", { userKey: "test:user-2" });
    assert.equal(await store.reminders.add(other, { cap: 3 }), true);
    await store.reminders.remove("a");
    assert.equal(await store.reminders.add(reminderOf("f"), { cap: 3 }), true);
  });

  promises("a reminder with a known id leaves that as it is", async (store) => {
    await store.reminders.add(reminderOf("a"), { cap });
    const again = reminderOf("a", { text: "another", userKey: "test:user-2" });
    assert.equal(await store.reminders.add(again, { cap }), true);
    assert.deepEqual(await store.reminders.due({ now: 9000, limit: 9 }), [reminderOf("a")]);
  });

  promises("a reminder that is put off is taken up later, and keeps its time", async (store) => {
    await store.reminders.add(reminderOf("a"), { cap });
    await store.reminders.postpone("a", { to: 8000 });
    assert.deepEqual(await dueIds(store, 7999), []);
    assert.equal(await store.reminders.nextDueAt(), 8000);
    assert.deepEqual(await store.reminders.due({ now: 8000, limit: 9 }), [reminderOf("a")]);
    assert.deepEqual(await store.reminders.forUser("test:user-1"), [reminderOf("a")]);
    await store.reminders.postpone("gone", { to: 1 });
    assert.deepEqual(await dueIds(store, 1), []);
  });

  promises("a reminder is removed once, and by its own user only", async (store) => {
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
