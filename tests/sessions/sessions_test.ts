import assert from "node:assert/strict";
import { EventBus, type EventName } from "../../src/domain/events.ts";
import { parseTimeOfDay } from "../../src/lib/iso_time.ts";
import { DailyReset, Sessions } from "../../src/sessions/sessions.ts";
import { conversation } from "../store/conformance/samples.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_place.ts";

const time = (iso: string) => Date.parse(iso);

Deno.test("the last reset is today's once its time has passed, otherwise yesterday's", () => {
  const reset = new DailyReset("04:00", "UTC");
  assert.equal(reset.last(time("2026-03-10T03:59:59.999Z")), time("2026-03-09T04:00:00Z"));
  assert.equal(reset.last(time("2026-03-10T04:00:00Z")), time("2026-03-10T04:00:00Z"));
  assert.equal(reset.last(time("2026-03-10T23:00:00Z")), time("2026-03-10T04:00:00Z"));
  // The clock was set back.
  assert.equal(reset.last(time("2026-03-01T05:00:00Z")), time("2026-03-01T04:00:00Z"));
});

Deno.test("the reset follows the daylight saving time of its time zone", () => {
  const reset = new DailyReset("4:00", "Europe/Berlin");
  assert.equal(reset.last(time("2026-03-28T12:00:00Z")), time("2026-03-28T03:00:00Z"));
  assert.equal(reset.last(time("2026-03-29T12:00:00Z")), time("2026-03-29T02:00:00Z"));
});

for (const wrong of ["", "4", "24:00", "04:60", "04:00:00", "four"]) {
  Deno.test(`"${wrong}" is not a time of day`, () => {
    assert.throws(() => parseTimeOfDay(wrong), /expected a time of day such as 04:00/);
  });
}

Deno.test("sessions end at the daily reset without session:timeout, and when idle with it", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const events = new EventBus();
  const emitted: string[] = [];
  events.subscribe(({ name, data }) => {
    const names: readonly EventName[] = ["session:end", "session:timeout"];
    if (names.includes(name)) emitted.push("reason" in data ? `${name} ${data.reason}` : name);
  });
  let now = time("2026-03-10T03:00:00Z");
  const sessions = new Sessions({
    store: store.sessions,
    events,
    idleMs: 86_400_000,
    dailyReset: new DailyReset("04:00", "UTC"),
    now: () => now,
  });
  const open = (userId: string) =>
    sessions.open({
      nodeId: "n",
      platform: "test",
      userId,
      channelId: "channel-1",
      conversation,
    });
  const first = await open("ada");
  await open("bob");
  now = time("2026-03-10T03:59:00Z");
  assert.equal(await sessions.sweep(), 0);
  assert.equal((await open("ada")).id, first.id);
  now = time("2026-03-10T04:01:00Z");
  const second = await open("ada");
  assert.notEqual(second.id, first.id);
  assert.equal(await sessions.sweep(), 1, "bob's session ends at the sweep");
  assert.equal(await sessions.sweep(), 0, "a session started after the reset stays open");
  assert.deepEqual(emitted, ["session:end daily_reset", "session:end daily_reset"]);
  now = time("2026-03-12T04:01:00Z");
  await open("ada");
  assert.deepEqual(emitted.slice(2), ["session:timeout", "session:end timeout"]);
});
