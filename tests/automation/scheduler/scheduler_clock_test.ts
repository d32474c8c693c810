/** Fire times when the clock changes, jumps or stops: each runs at most once, as configured. */

import assert from "node:assert/strict";
import { FireTimes } from "../../../src/automation/scheduler/fire_times.ts";
import type { Schedule } from "../../../src/automation/scheduler/task.ts";
import { SchedulerFixture } from "./scheduler_fixture.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const daily: Schedule = { type: "cron", cron: "0 9 * * *", timezone: "UTC" };
const hourly: Schedule = { type: "cron", cron: "0 * * * *", timezone: "UTC" };

const changes = [
  { zone: "Europe/Berlin", date: "2026-03-29", gap: true },
  { zone: "Europe/Berlin", date: "2026-10-25", gap: false },
  { zone: "America/New_York", date: "2027-03-14", gap: true },
  { zone: "America/New_York", date: "2027-11-07", gap: false },
];
for (const { zone, date, gap } of changes) {
  Deno.test(`through ${date} in ${zone}, each fire time runs once`, async () => {
    await using fixture = await SchedulerFixture.open(`${date}T00:00:00Z`);
    const start = fixture.clock.now() - 12 * hour;
    fixture.clock.set(start);
    const crons = [gap ? "30 2 * * *" : "30 1 * * *", "*/30 * * * *"];
    const ran = crons.map((): string[] => []);
    const tasks = crons.map((cron, index) =>
      fixture.task({
        name: cron.replaceAll(/[^0-9]/g, "x"),
        schedule: { type: "cron", cron, timezone: zone },
        action: { type: "function", run: ({ fire_at }) => ran[index]!.push(fire_at!) },
      })
    );
    await fixture.start(...tasks);
    await fixture.clock.advance(36 * hour);
    crons.forEach((cron, index) => {
      const times = new FireTimes({ type: "cron", cron, timezone: zone }, { anchorAt: start });
      const due = times.due({ after: start, now: start + 36 * hour, limit: 500 });
      assert.deepEqual(ran[index], due.map((at) => new Date(at).toISOString()), cron);
    });
    assert.deepEqual(ran.map(({ length }) => length), [1, 72]);
  });
}

const policies = [
  { missed: "skip", ran: [] },
  { missed: "once", ran: ["2026-05-03T09:00:00"] },
  { missed: "all", ran: ["2026-05-01T09:00:00", "2026-05-02T09:00:00", "2026-05-03T09:00:00"] },
] as const;
for (const { missed, ran } of policies) {
  Deno.test(`a machine that slept through three fire times runs them according to "${missed}"`, async () => {
    await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
    await fixture.start(fixture.task({ schedule: daily, missed }));
    await fixture.clock.advance(10 * minute);
    fixture.clock.set("2026-05-03T12:00:00Z");
    // The scheduler notices within half a minute.
    await fixture.clock.advance(31_000);
    assert.deepEqual(fixture.ran, ran);
    await fixture.clock.advance(21 * hour);
    assert.deepEqual(fixture.ran, [...ran, "2026-05-04T09:00:00"]);
  });

  Deno.test(`three fire times missed during a restart run according to "${missed}"`, async () => {
    await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
    const task = fixture.task({ schedule: daily, missed });
    await fixture.start(task);
    await fixture.restartAt("2026-05-03T12:00:00Z", task);
    assert.deepEqual(fixture.ran, ran);
    // Skipped fire times are not reconsidered.
    await fixture.restartAt("2026-05-03T13:00:00Z", { ...task, missed: "all" });
    assert.deepEqual(fixture.ran, ran);
  });
}

Deno.test("a fire time handled less than a minute late was not missed", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  await fixture.start(fixture.task({ schedule: daily }));
  fixture.clock.set("2026-05-01T09:00:59Z");
  await fixture.clock.advance(30_000);
  assert.deepEqual(fixture.ran, []);
  await fixture.restartAt("2026-05-02T08:00:00Z", fixture.task({ schedule: daily }));
  fixture.clock.set("2026-05-02T09:00:20Z");
  await fixture.clock.advance(30_000);
  assert.deepEqual(fixture.ran, ["2026-05-02T09:00:00"]);
});

for (const { missed, ran } of policies) {
  Deno.test(`a fire time passed over by setting the clock ahead runs according to "${missed}"`, async () => {
    await using fixture = await SchedulerFixture.open("2026-05-03T08:30:00Z");
    await fixture.start(fixture.task({ schedule: daily, missed }));
    await fixture.clock.advance(minute);
    fixture.clock.set(fixture.clock.now() + hour);
    await fixture.clock.advance(hour);
    assert.deepEqual(fixture.ran, ran.slice(-1));
  });
}

Deno.test("setting the clock back by an hour repeats no fire time", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:30:00Z");
  const tasks = [
    fixture.task({ schedule: daily, missed: "all" }),
    fixture.task({ name: "hourly", schedule: hourly, missed: "all" }),
  ];
  await fixture.start(...tasks);
  await fixture.clock.advance(40 * minute);
  const ran = ["2026-05-01T09:00:00", "2026-05-01T09:00:00"];
  assert.deepEqual(fixture.ran, ran);
  fixture.clock.set("2026-05-01T08:10:00Z");
  await fixture.clock.advance(110 * minute);
  assert.deepEqual(fixture.ran, [...ran, "2026-05-01T10:00:00"]);
  // Nor does a restart within that hour.
  await fixture.restartAt("2026-05-01T09:30:00Z", ...tasks);
  await fixture.clock.advance(40 * minute);
  assert.deepEqual(fixture.ran, [...ran, "2026-05-01T10:00:00"]);
});

for (const shift of [hour, -hour, 3 * day, -3 * day]) {
  const hours = shift / hour;
  Deno.test(`an interval continues in time when the clock is moved by ${hours} h`, async () => {
    await using fixture = await SchedulerFixture.open("2026-05-10T08:00:00Z");
    const task = fixture.task({ schedule: { type: "interval", intervalMs: 10 * minute } });
    await fixture.start(task);
    await fixture.clock.advance(30 * minute);
    assert.equal(fixture.ran.length, 3);
    fixture.clock.set(fixture.clock.now() + shift + 17_000);
    await fixture.clock.advance(12 * minute);
    assert.ok(fixture.ran.length >= 4, "it keeps running");
    await fixture.clock.advance(60 * minute);
    assert.ok([10, 11].includes(fixture.ran.length), `${fixture.ran.length} runs in 102 minutes`);
    assert.equal(new Set(fixture.ran).size, fixture.ran.length);
    const before = fixture.ran.length;
    await fixture.restartAt(new Date(fixture.clock.now()).toISOString(), task);
    await fixture.clock.advance(20 * minute);
    assert.equal(fixture.ran.length, before + 2);
  });
}

Deno.test("a cron task keeps running after a clock that was weeks ahead is corrected", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const task = fixture.task({ schedule: daily });
  await fixture.start(task);
  fixture.clock.set("2026-06-01T08:59:50Z");
  await fixture.clock.advance(minute);
  assert.deepEqual(fixture.ran, ["2026-06-01T09:00:00"]);
  fixture.clock.set("2026-05-01T08:10:00Z");
  await fixture.clock.advance(hour);
  assert.deepEqual(fixture.ran.slice(1), ["2026-05-01T09:00:00"]);
  await fixture.restartAt("2026-05-02T08:00:00Z", task);
  await fixture.clock.advance(2 * hour);
  assert.deepEqual(fixture.ran.slice(2), ["2026-05-02T09:00:00"]);
});

Deno.test("an interval keeps its fire times over a restart", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:03Z");
  const task = fixture.task({ schedule: { type: "interval", intervalMs: 10 * minute } });
  await fixture.start(task);
  await fixture.clock.advance(15 * minute);
  await fixture.restartAt("2026-05-01T08:17:00Z", task);
  await fixture.clock.advance(4 * minute);
  assert.deepEqual(fixture.ran, ["2026-05-01T08:10:03", "2026-05-01T08:20:03"]);
});

Deno.test("an interval with a delay of zero fires at once", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const schedule = { type: "interval", intervalMs: 10 * minute, delayMs: 0 } as const;
  await fixture.start(fixture.task({ schedule }));
  await fixture.clock.advance(1);
  assert.deepEqual(fixture.ran, ["2026-05-01T08:00:00"]);
  await fixture.clock.advance(10 * minute);
  assert.deepEqual(fixture.ran.slice(1), ["2026-05-01T08:10:00"]);
});

for (const missed of ["once", "all", "skip"] as const) {
  Deno.test(`a new one_shot in the past runs according to "${missed}"`, async () => {
    await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
    const schedule = { type: "one_shot", runAt: Date.parse("2026-04-01T00:00:00Z") } as const;
    const task = fixture.task({ schedule, missed });
    const scheduler = await fixture.start(task);
    const ran = missed === "skip" ? [] : ["2026-04-01T00:00:00"];
    assert.deepEqual(fixture.ran, ran);
    assert.equal(scheduler.list()[0]!.nextRunAt, undefined);
    assert.equal(fixture.clock.timers, 0, "no timer is left");
    await fixture.restartAt("2026-05-02T08:00:00Z", { ...task, missed: "all" });
    assert.deepEqual(fixture.ran, ran);
  });
}

Deno.test("a delay starts when the task is first seen, and ends once, even over restarts", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const task = fixture.task({ schedule: { type: "one_shot", delayMs: 30_000 }, missed: "once" });
  await fixture.start(task);
  await fixture.clock.advance(10_000);
  await fixture.restartAt("2026-05-01T08:00:20Z", task);
  await fixture.clock.advance(9_000);
  assert.deepEqual(fixture.ran, []);
  await fixture.clock.advance(2_000);
  assert.deepEqual(fixture.ran, ["2026-05-01T08:00:30"]);
  await fixture.restartAt("2026-05-02T08:00:00Z", task);
  await fixture.clock.advance(hour);
  assert.equal(fixture.ran.length, 1);
});

Deno.test("a one_shot that falls into a restart runs exactly once", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const schedule = { type: "one_shot", runAt: Date.parse("2026-05-01T09:00:00Z") } as const;
  const task = fixture.task({ schedule, missed: "once" });
  await fixture.start(task);
  for (const at of ["2026-05-01T09:30:00Z", "2026-05-01T08:30:00Z", "2026-05-03T00:00:00Z"]) {
    await fixture.restartAt(at, task);
    await fixture.clock.advance(hour);
    assert.deepEqual(fixture.ran, ["2026-05-01T09:00:00"]);
  }
});
