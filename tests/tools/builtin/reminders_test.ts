import assert from "node:assert/strict";
import { EventBus } from "../../../src/domain/events.ts";
import { ReminderScheduler } from "../../../src/automation/scheduler/reminders.ts";
import {
  cancelReminder,
  listReminders,
  scheduleReminder,
} from "../../../src/tools/builtin/reminders.ts";
import type { ToolOutput, ToolRun } from "../../../src/tools/tool.ts";
import { SqliteFolder } from "../../store/sqlite/sqlite_place.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { callTool } from "../call_tool.ts";

type Call = (
  name: "schedule" | "list" | "cancel",
  json: Readonly<Record<string, unknown>>,
  fields?: Partial<ToolRun>,
) => Promise<ToolOutput>;

/** The time is noon, the reminders are named r1, r2, …, and a user may have three. */
function testReminderTools(sentence: string, test: (call: Call) => Promise<void>): void {
  Deno.test(sentence, async () => {
    await using place = new SqliteFolder();
    await using store = await place.open();
    const clock = new FakeClock({ at: "2026-05-01T12:00:00Z" });
    const service = new ReminderScheduler({
      store: store.reminders,
      prompts: { submit: () => Promise.reject(new Error("none is due in these tests")) },
      events: new EventBus(),
      clock,
      cap: 3,
    });
    let count = 0;
    const tools = {
      schedule: scheduleReminder(service, { now: clock.now, newId: () => `r${++count}` }),
      list: listReminders(service),
      cancel: cancelReminder(service),
    };
    await test((name, json, fields) => callTool(tools[name], json, fields));
    await service.stop();
  });
}

function failed(content: string): ToolOutput {
  return { content, isError: true };
}

const inHour = { text: "tea", in_seconds: 3600 };

testReminderTools("a reminder is set by seconds or by a time with an offset", async (call) => {
  assert.equal(await call("schedule", inHour), "Reminder r1 is set for 2026-05-01T13:00:00.000Z.");
  assert.equal(
    await call("schedule", { text: "cake", at: "2026-05-01T15:00:00+02:00" }),
    "Reminder r2 is set for 2026-05-01T13:00:00.000Z.",
  );
  assert.equal(
    await call("schedule", { text: "nap", in_seconds: 1.3333 }),
    "Reminder r3 is set for 2026-05-01T12:00:01.333Z.",
  );
  assert.equal(
    await call("list", {}),
    "r3: 2026-05-01T12:00:01.333Z nap\n" +
      "r1: 2026-05-01T13:00:00.000Z tea\n" +
      "r2: 2026-05-01T13:00:00.000Z cake",
  );
});

testReminderTools("an invalid or past time is refused", async (call) => {
  assert.deepEqual(
    await call("schedule", { text: "x", at: "2026-05-01T13:00:00+02:00" }),
    failed("2026-05-01T13:00:00+02:00 is in the past. It is 2026-05-01T12:00:00.000Z now."),
  );
  assert.deepEqual(
    await call("schedule", { text: "x", at: "2032-01-01T00:00:00Z" }),
    failed("That is more than five years ahead."),
  );
  const invalid = [
    { text: "x" },
    { text: "x", in_seconds: 5, at: "2026-05-02T00:00:00Z" },
    { text: "x", in_seconds: 0 },
    { text: "x", in_seconds: -5 },
    { text: "x", in_seconds: 1e12 },
    { text: "x", at: "tomorrow" },
    { text: "x", at: "2026-05-02T00:00:00" },
    { text: " ", in_seconds: 5 },
    { text: "x".repeat(2001), in_seconds: 5 },
  ];
  for (const json of invalid) await assert.rejects(call("schedule", json), JSON.stringify(json));
  assert.equal(await call("list", {}), "No reminders are set.");
});

testReminderTools(
  "a user at the limit can set a reminder only after cancelling one",
  async (call) => {
    for (const _ of [1, 2, 3]) await call("schedule", inHour);
    assert.deepEqual(
      await call("schedule", inHour),
      failed("This user has reached the maximum number of reminders. Cancel some first."),
    );
    assert.match(String(await call("schedule", inHour, { userId: "user-2" })), /is set/);
    assert.equal(await call("cancel", { id: "r1" }), "Reminder r1 was cancelled.");
    assert.match(String(await call("schedule", inHour)), /is set/);
  },
);

testReminderTools("users cannot see or cancel the reminders of others", async (call) => {
  await call("schedule", inHour);
  for (const other of [{ userId: "user-2" }, { platform: "elsewhere" }]) {
    assert.equal(await call("list", {}, other), "No reminders are set.");
    assert.deepEqual(
      await call("cancel", { id: "r1" }, other),
      failed('This user has no reminder "r1".'),
    );
  }
  assert.equal(await call("cancel", { id: "r1" }), "Reminder r1 was cancelled.");
  assert.deepEqual(await call("cancel", { id: "r1" }), failed('This user has no reminder "r1".'));
});

testReminderTools(
  "outside direct messages only the channel's reminders are listed",
  async (call) => {
    const server = {
      channelType: "server",
      channelId: "general",
      message: { user: { id: "user-1" }, channel: { id: "general", type: "server" } },
    } as const;
    await call("schedule", { text: "see the doctor", in_seconds: 60 });
    await call("schedule", { text: "stand-up", in_seconds: 60 }, server);
    assert.equal(await call("list", {}, server), "r2: 2026-05-01T12:01:00.000Z stand-up");
    assert.match(String(await call("list", {})), /doctor\n.*stand-up$/);
    assert.equal(
      await call("list", {}, { ...server, channelType: undefined, channelId: "unknown" }),
      "No reminders are set.",
    );
  },
);

testReminderTools("a task or reminder cannot set a reminder", async (call) => {
  const message = {
    user: { id: "user-1" },
    channel: { id: "channel-1" },
    task: { name: "daily-digest" },
  };
  assert.deepEqual(
    await call("schedule", inHour, { message }),
    failed("A reminder or task cannot set a reminder."),
  );
});
