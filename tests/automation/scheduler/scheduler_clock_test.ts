/** Fire times against a clock that changes, jumps and stands still: each at most once, as configured. */

import assert from "node:assert/strict";
import { FireTimes } from "../../../src/automation/scheduler/fire_times.ts";
import type { Schedule } from "../../../src/automation/scheduler/task.ts";
import { SchedulerBench } from "./scheduler_bench.ts";

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
    await using bench = await SchedulerBench.open(`${date}T00:00:00Z`);
    const start = bench.clock.now() - 12 * hour;
    bench.clock.set(start);
    const crons = [gap ? "30 2 * * *" : "30 1 * * *", "*/30 * * * *"];
    const ran = crons.map((): string[] => []);
    const tasks = crons.map((cron, index) =>
      bench.task({
        name: cron.replaceAll(/[^0-9]/g, "x"),
        schedule: { type: "cron", cron, timezone: zone },
        action: { type: "function", run: ({ fire_at }) => ran[index]!.push(fire_at!) },
      })
    );
    await bench.start(...tasks);
    await bench.clock.pass(36 * hour);
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
  Deno.test(`a machine that slept over three fire times runs them as "${missed}" says`, async () => {
    await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
    await bench.start(bench.task({ schedule: daily, missed }));
    await bench.clock.pass(10 * minute);
    bench.clock.set("2026-05-03T12:00:00Z");
    // It is noticed within half a minute.
    await bench.clock.pass(31_000);
    assert.deepEqual(bench.ran, ran);
    await bench.clock.pass(21 * hour);
    assert.deepEqual(bench.ran, [...ran, "2026-05-04T09:00:00"]);
  });

  Deno.test(`a restart over three fire times runs them as "${missed}" says`, async () => {
    await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
    const task = bench.task({ schedule: daily, missed });
    await bench.start(task);
    await bench.restartAt("2026-05-03T12:00:00Z", task);
    assert.deepEqual(bench.ran, ran);
    // What was missed and not run is not looked for again.
    await bench.restartAt("2026-05-03T13:00:00Z", { ...task, missed: "all" });
    assert.deepEqual(bench.ran, ran);
  });
}

Deno.test("a fire time that is taken up less than a minute late is not missed", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  await bench.start(bench.task({ schedule: daily }));
  bench.clock.set("2026-05-01T09:00:59Z");
  await bench.clock.pass(30_000);
  assert.deepEqual(bench.ran, []);
  await bench.restartAt("2026-05-02T08:00:00Z", bench.task({ schedule: daily }));
  bench.clock.set("2026-05-02T09:00:20Z");
  await bench.clock.pass(30_000);
  assert.deepEqual(bench.ran, ["2026-05-02T09:00:00"]);
});

for (const { missed, ran } of policies) {
  Deno.test(`a clock set ahead by an hour over a fire time: "${missed}" decides`, async () => {
    await using bench = await SchedulerBench.open("2026-05-03T08:30:00Z");
    await bench.start(bench.task({ schedule: daily, missed }));
    await bench.clock.pass(minute);
    bench.clock.set(bench.clock.now() + hour);
    await bench.clock.pass(hour);
    assert.deepEqual(bench.ran, ran.slice(-1));
  });
}

Deno.test("a clock set back by an hour repeats nothing that has run", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:30:00Z");
  const tasks = [
    bench.task({ schedule: daily, missed: "all" }),
    bench.task({ name: "hourly", schedule: hourly, missed: "all" }),
  ];
  await bench.start(...tasks);
  await bench.clock.pass(40 * minute);
  const ran = ["2026-05-01T09:00:00", "2026-05-01T09:00:00"];
  assert.deepEqual(bench.ran, ran);
  bench.clock.set("2026-05-01T08:10:00Z");
  await bench.clock.pass(110 * minute);
  assert.deepEqual(bench.ran, [...ran, "2026-05-01T10:00:00"]);
  // Nor does a restart in that hour.
  await bench.restartAt("2026-05-01T09:30:00Z", ...tasks);
  await bench.clock.pass(40 * minute);
  assert.deepEqual(bench.ran, [...ran, "2026-05-01T10:00:00"]);
});

for (const shift of [hour, -hour, 3 * day, -3 * day]) {
  const hours = shift / hour;
  Deno.test(`an interval goes on within its time when the clock is moved by ${hours} h`, async () => {
    await using bench = await SchedulerBench.open("2026-05-10T08:00:00Z");
    const task = bench.task({ schedule: { type: "interval", intervalMs: 10 * minute } });
    await bench.start(task);
    await bench.clock.pass(30 * minute);
    assert.equal(bench.ran.length, 3);
    bench.clock.set(bench.clock.now() + shift + 17_000);
    await bench.clock.pass(12 * minute);
    assert.ok(bench.ran.length >= 4, "it has not fallen silent");
    await bench.clock.pass(60 * minute);
    assert.ok([10, 11].includes(bench.ran.length), `${bench.ran.length} runs in 102 minutes`);
    assert.equal(new Set(bench.ran).size, bench.ran.length);
    const before = bench.ran.length;
    await bench.restartAt(new Date(bench.clock.now()).toISOString(), task);
    await bench.clock.pass(20 * minute);
    assert.equal(bench.ran.length, before + 2);
  });
}

Deno.test("a clock that was days ahead and is right again does not silence a cron task", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const task = bench.task({ schedule: daily });
  await bench.start(task);
  bench.clock.set("2026-06-01T08:59:50Z");
  await bench.clock.pass(minute);
  assert.deepEqual(bench.ran, ["2026-06-01T09:00:00"]);
  bench.clock.set("2026-05-01T08:10:00Z");
  await bench.clock.pass(hour);
  assert.deepEqual(bench.ran.slice(1), ["2026-05-01T09:00:00"]);
  await bench.restartAt("2026-05-02T08:00:00Z", task);
  await bench.clock.pass(2 * hour);
  assert.deepEqual(bench.ran.slice(2), ["2026-05-02T09:00:00"]);
});

Deno.test("an interval keeps its grid over a restart", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:03Z");
  const task = bench.task({ schedule: { type: "interval", intervalMs: 10 * minute } });
  await bench.start(task);
  await bench.clock.pass(15 * minute);
  await bench.restartAt("2026-05-01T08:17:00Z", task);
  await bench.clock.pass(4 * minute);
  assert.deepEqual(bench.ran, ["2026-05-01T08:10:03", "2026-05-01T08:20:03"]);
});

Deno.test("an interval without a delay fires at once where that is its delay", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const schedule = { type: "interval", intervalMs: 10 * minute, delayMs: 0 } as const;
  await bench.start(bench.task({ schedule }));
  await bench.clock.pass(1);
  assert.deepEqual(bench.ran, ["2026-05-01T08:00:00"]);
  await bench.clock.pass(10 * minute);
  assert.deepEqual(bench.ran.slice(1), ["2026-05-01T08:10:00"]);
});

for (const missed of ["once", "all", "skip"] as const) {
  Deno.test(`a single time in the past, never seen before, and "${missed}"`, async () => {
    await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
    const schedule = { type: "one_shot", runAt: Date.parse("2026-04-01T00:00:00Z") } as const;
    const task = bench.task({ schedule, missed });
    const scheduler = await bench.start(task);
    const ran = missed === "skip" ? [] : ["2026-04-01T00:00:00"];
    assert.deepEqual(bench.ran, ran);
    assert.equal(scheduler.list()[0]!.nextRunAt, undefined);
    assert.equal(bench.clock.timers, 0, "nothing more is waited for");
    await bench.restartAt("2026-05-02T08:00:00Z", { ...task, missed: "all" });
    assert.deepEqual(bench.ran, ran);
  });
}

Deno.test("a delay counts from when the task was first seen, over restarts, and once", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const task = bench.task({ schedule: { type: "one_shot", delayMs: 30_000 }, missed: "once" });
  await bench.start(task);
  await bench.clock.pass(10_000);
  await bench.restartAt("2026-05-01T08:00:20Z", task);
  await bench.clock.pass(9_000);
  assert.deepEqual(bench.ran, []);
  await bench.clock.pass(2_000);
  assert.deepEqual(bench.ran, ["2026-05-01T08:00:30"]);
  await bench.restartAt("2026-05-02T08:00:00Z", task);
  await bench.clock.pass(hour);
  assert.equal(bench.ran.length, 1);
});

Deno.test("a single time that falls into a restart's pause is neither lost nor doubled", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const schedule = { type: "one_shot", runAt: Date.parse("2026-05-01T09:00:00Z") } as const;
  const task = bench.task({ schedule, missed: "once" });
  await bench.start(task);
  for (const at of ["2026-05-01T09:30:00Z", "2026-05-01T08:30:00Z", "2026-05-03T00:00:00Z"]) {
    await bench.restartAt(at, task);
    await bench.clock.pass(hour);
    assert.deepEqual(bench.ran, ["2026-05-01T09:00:00"]);
  }
});
