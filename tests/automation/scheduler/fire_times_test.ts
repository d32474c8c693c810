import assert from "node:assert/strict";
import { FireTimes, parseCron } from "../../../src/automation/scheduler/fire_times.ts";
import type { Schedule } from "../../../src/automation/scheduler/task.ts";

const day = 86_400_000;
const berlin = "Europe/Berlin";
const newYork = "America/New_York";

function timesOf(schedule: Schedule, anchorAt = 0): FireTimes {
  return new FireTimes(schedule, { anchorAt });
}

function cronTimes(cron: string, timezone?: string): FireTimes {
  return timesOf({ type: "cron", cron, timezone });
}

/** Returns the fire times after `from` and up to `to`, found one by one. */
function between(times: FireTimes, from: number, to: number): readonly number[] {
  const found: number[] = [];
  for (let at = times.next(from); at !== undefined && at <= to; at = times.next(at)) {
    found.push(at);
  }
  return found;
}

/** Returns the fire times of a UTC day, to the minute. */
function onDay(times: FireTimes, date: string): readonly string[] {
  const from = Date.parse(`${date}T00:00Z`);
  return between(times, from - 1, from + day - 1).map(hourOf);
}

function hourOf(at: number): string {
  return new Date(at).toISOString().slice(11, 16);
}

/** Daylight saving changes: the day, and when 02:30 (or 01:30) fires that day and the next. */
const gaps = [
  { zone: berlin, cron: "30 2 * * *", date: "2026-03-29", fires: "01:00", next: "00:30" },
  { zone: berlin, cron: "30 2 * * *", date: "2027-03-28", fires: "01:00", next: "00:30" },
  { zone: newYork, cron: "30 2 * * *", date: "2026-03-08", fires: "07:00", next: "06:30" },
  { zone: newYork, cron: "30 2 * * *", date: "2027-03-14", fires: "07:00", next: "06:30" },
];
for (const { zone, cron, date, fires, next } of gaps) {
  Deno.test(`a time skipped on ${date} in ${zone} fires once, right after the gap`, () => {
    const times = cronTimes(cron, zone);
    assert.deepEqual(onDay(times, date), [fires]);
    const dayAfter = new Date(Date.parse(date) + day).toISOString().slice(0, 10);
    assert.deepEqual(onDay(times, dayAfter), [next]);
  });
}

const overlaps = [
  { zone: berlin, cron: "30 2 * * *", date: "2026-10-25", fires: "00:30", next: "01:30" },
  { zone: berlin, cron: "30 2 * * *", date: "2027-10-31", fires: "00:30", next: "01:30" },
  { zone: newYork, cron: "30 1 * * *", date: "2026-11-01", fires: "05:30", next: "06:30" },
  { zone: newYork, cron: "30 1 * * *", date: "2027-11-07", fires: "05:30", next: "06:30" },
];
for (const { zone, cron, date, fires, next } of overlaps) {
  Deno.test(`a time repeated on ${date} in ${zone} fires the first time only`, () => {
    const times = cronTimes(cron, zone);
    assert.deepEqual(onDay(times, date), [fires]);
    const dayAfter = new Date(Date.parse(date) + day).toISOString().slice(0, 10);
    assert.deepEqual(onDay(times, dayAfter), [next]);
  });
}

for (const { zone, date } of [...gaps, ...overlaps]) {
  Deno.test(`every 20 minutes stays regular on ${date} in ${zone}`, () => {
    const times = cronTimes("*/20 * * * *", zone);
    const from = Date.parse(date) - day;
    const expected = Array.from({ length: 3 * 72 }, (_, index) => from + (index + 1) * 1_200_000);
    assert.deepEqual(between(times, from, from + 3 * day), expected);
  });
}

Deno.test("of several times of day, skipped ones do not fire and repeated ones fire twice", () => {
  const times = cronTimes("30 2,14 * * *", berlin);
  assert.deepEqual(onDay(times, "2026-03-29"), ["12:30"]);
  assert.deepEqual(onDay(times, "2026-10-25"), ["00:30", "01:30", "13:30"]);
});

Deno.test("a time of day after the change follows local time", () => {
  // 09:00 in Berlin is 08:00 UTC in winter and 07:00 in summer.
  const times = cronTimes("0 9 * * *", berlin);
  for (const [date, hour] of [["2026-03-28", "08:00"], ["2026-03-29", "07:00"]] as const) {
    assert.deepEqual(onDay(times, date), [hour]);
  }
  for (const [date, hour] of [["2026-10-24", "07:00"], ["2026-10-25", "08:00"]] as const) {
    assert.deepEqual(onDay(times, date), [hour]);
  }
});

Deno.test("29 February fires in leap years only", () => {
  const times = cronTimes("0 12 29 2 *", "UTC");
  const found = between(times, Date.UTC(2026, 0), Date.UTC(2036, 11));
  assert.deepEqual(found, [2028, 2032, 2036].map((year) => Date.UTC(year, 1, 29, 12)));
  const now = Date.UTC(2030, 0);
  assert.deepEqual(times.due({ after: 0, now, limit: 1 }), [Date.UTC(2028, 1, 29, 12)]);
});

Deno.test("an expression that never fires is refused with the reason", () => {
  for (const expression of ["0 0 31 2 *", "0 8 31 4 *", "0 0 30 2 *"]) {
    assert.throws(() => parseCron(expression, berlin), /never fires: there is no such date/);
  }
});

Deno.test("the first of six fields is the second", () => {
  const times = cronTimes("*/15 30 9 * * *", "UTC");
  const at = Date.UTC(2026, 4, 1, 9, 30);
  const expected = [0, 15, 30, 45].map((second) => at + second * 1000);
  assert.deepEqual(between(times, at - 1, at + 60_000), expected);
});

Deno.test("due times are exact to the millisecond", () => {
  const times = cronTimes("* * * * * *", "UTC");
  const at = Date.UTC(2026, 4, 1);
  assert.deepEqual(times.due({ after: at - 1000, now: at - 1, limit: 9 }), []);
  assert.deepEqual(times.due({ after: at - 1000, now: at, limit: 9 }), [at]);
  assert.deepEqual(times.due({ after: at, now: at + 999, limit: 9 }), []);
  assert.deepEqual(times.due({ after: at - 1, now: at + 2500, limit: 2 }), [at + 1000, at + 2000]);
});

/** Expressions, and the steps of days in which to check a year. */
const walked = [
  ["0 9 * * *", 40],
  ["30 2 * * *", 40],
  ["30 1 * * 0", 100],
  ["0 0 1 * *", 366],
  ["0 0 29 2 *", 366],
  ["0 12 * * MON-FRI", 40],
  ["0 */6 * * *", 40],
  ["15,45 1-3 * * *", 40],
] as const;
for (const zone of [berlin, newYork, "UTC"]) {
  Deno.test(`over a year in ${zone}, due() agrees with next()`, () => {
    const start = Date.UTC(2026, 0, 1, 0, 7, 3);
    for (const [cron, stepDays] of walked) {
      const times = cronTimes(cron, zone);
      for (let from = start; from < start + 366 * day; from += stepDays * day) {
        const to = from + stepDays * day;
        const expected = between(times, from, to);
        assert.deepEqual(times.due({ after: from, now: to, limit: 500 }), expected, cron);
        assert.deepEqual(times.due({ after: from, now: to, limit: 1 }), expected.slice(-1), cron);
      }
    }
  });
}

Deno.test("due() agrees with next() through daylight saving changes", () => {
  for (const { zone, date } of [...gaps, ...overlaps]) {
    for (const cron of ["*/15 * * * *", "5 0-4/2 * * *", "*/30 59 1,2 * * *"]) {
      const times = cronTimes(cron, zone);
      const now = Date.parse(date) + day;
      const expected = between(times, now - 2 * day, now);
      assert.ok(expected.length > 3);
      assert.deepEqual(times.due({ after: now - 2 * day, now, limit: 300 }), expected, cron);
      for (const at of expected) {
        assert.deepEqual(times.due({ after: at - 1, now: at, limit: 1 }), [at], cron);
      }
    }
  }
});

Deno.test("an interval fires at multiples from its anchor", () => {
  const times = timesOf({ type: "interval", intervalMs: 7_000 }, 1_000);
  assert.equal(times.next(-Infinity), 8_000);
  assert.equal(times.next(7_999), 8_000);
  assert.equal(times.next(8_000), 15_000);
  assert.equal(times.next(1_000 + 7_000_000_000), 1_000 + 7_000_007_000);
  assert.deepEqual(times.due({ after: 1_000, now: 7_999, limit: 9 }), []);
  assert.deepEqual(times.due({ after: 1_000, now: 22_500, limit: 9 }), [8_000, 15_000, 22_000]);
  assert.deepEqual(times.due({ after: 8_000, now: 22_500, limit: 1 }), [22_000]);
});

Deno.test("an interval's delay may be shorter or longer than the interval", () => {
  const soon = timesOf({ type: "interval", intervalMs: 60_000, delayMs: 1_000 }, 5_000);
  assert.deepEqual(between(soon, 5_000, 130_000), [6_000, 66_000, 126_000]);
  const late = timesOf({ type: "interval", intervalMs: 1_000, delayMs: 60_000 }, 5_000);
  assert.deepEqual(between(late, 0, 67_000), [65_000, 66_000, 67_000]);
  assert.deepEqual(late.due({ after: 0, now: 64_999, limit: 9 }), []);
});

Deno.test("a one_shot fires once, in the future or the past", () => {
  for (
    const schedule of [
      { type: "one_shot", runAt: 9_000 },
      { type: "one_shot", delayMs: 4_000 },
    ] as const
  ) {
    const times = timesOf(schedule, 5_000);
    assert.equal(times.next(-Infinity), 9_000);
    assert.equal(times.next(9_000), undefined);
    assert.deepEqual(times.due({ after: -Infinity, now: 8_999, limit: 9 }), []);
    assert.deepEqual(times.due({ after: -Infinity, now: 99_000, limit: 9 }), [9_000]);
    assert.deepEqual(times.due({ after: 9_000, now: 99_000, limit: 9 }), []);
  }
});

Deno.test("an invalid cron expression or time zone is rejected with a clear error", () => {
  const wrong = [
    ["every day", undefined, /expected a cron expression of 5 or 6 fields/],
    ["* * * *", undefined, /expected a cron expression of 5 or 6 fields/],
    ["0 0 0 1 1 * 2030", undefined, /expected a cron expression of 5 or 6 fields/],
    ["61 * * * *", undefined, /expected a cron expression of 5 or 6 fields/],
    ["0 9 * * *", "Europe/Atlantis", /expected an IANA time zone .* found "Europe\/Atlantis"/],
  ] as const;
  for (const [cron, timezone, message] of wrong) {
    assert.throws(() => parseCron(cron, timezone), { message });
  }
});
