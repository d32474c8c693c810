import assert from "node:assert/strict";
import type { Schedule, TaskRun } from "../../../src/automation/scheduler/task.ts";
import { Gate } from "../../support/gate.ts";
import { SchedulerFixture, source } from "./scheduler_fixture.ts";

const minute = 60_000;
const eachMinute: Schedule = { type: "cron", cron: "* * * * *", timezone: "UTC" };
const daily: Schedule = { type: "cron", cron: "0 9 * * *", timezone: "UTC" };

Deno.test("a run is reported, counted and stored with its result", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:59:30Z");
  const scheduler = await fixture.start(fixture.task({ schedule: daily }));
  assert.equal(scheduler.list()[0]!.nextRunAt, Date.parse("2026-05-01T09:00:00Z"));
  await fixture.clock.advance(minute);
  const [status] = scheduler.list();
  assert.equal(status!.runCount, 1);
  assert.equal(status!.lastRunAt, Date.parse("2026-05-01T09:00:00Z"));
  assert.equal(status!.nextRunAt, Date.parse("2026-05-02T09:00:00Z"));
  assert.deepEqual(await fixture.runs(), [
    { trigger: "2026-05-01T09:00:00.000Z", error: undefined },
  ]);
  assert.deepEqual(fixture.events.map(({ name, data }) => [name, data]), [
    ["scheduler:task_run", {
      task_name: "task",
      task_type: "cron",
      fire_at: "2026-05-01T09:00:00.000Z",
    }],
  ]);
});

Deno.test("a failed run is reported, and the next fire time runs", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  fixture.during = () => {
    throw new Error("no more disk");
  };
  await fixture.start(fixture.task({ schedule: eachMinute }));
  await fixture.clock.advance(2 * minute);
  assert.deepEqual(fixture.errors, ["no more disk", "no more disk"]);
  assert.deepEqual(await fixture.runs(), [
    { trigger: "2026-05-01T08:01:00.000Z", error: "no more disk" },
    { trigger: "2026-05-01T08:02:00.000Z", error: "no more disk" },
  ]);
});

const overlaps = [
  { overlap: "skip", ran: ["08:01", "08:04"], aborted: [] },
  { overlap: "queue", ran: ["08:01", "08:02", "08:03", "08:04"], aborted: [] },
  { overlap: "kill", ran: ["08:01", "08:02", "08:03", "08:04"], aborted: ["08:01", "08:02"] },
] as const;
for (const { overlap, ran, aborted } of overlaps) {
  Deno.test(`a fire time during a run is handled according to overlap "${overlap}"`, async () => {
    await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
    const gate = new Gate();
    const ended: string[] = [];
    fixture.during = async ({ signal, fire_at }: TaskRun) => {
      const abort = new Gate();
      signal.addEventListener("abort", () => {
        ended.push(fire_at!.slice(11, 16));
        abort.open();
      });
      await Promise.race([gate.opened, abort.opened]);
    };
    const task = fixture.task({ schedule: eachMinute, overlap });
    await fixture.start(task);
    await fixture.clock.advance(3 * minute);
    gate.open();
    await fixture.clock.advance(minute);
    assert.deepEqual(fixture.ran.map((at) => at.slice(11, 16)), ran);
    assert.deepEqual(ended, aborted);
    // Skipped fire times were handled: a restart does not run them.
    await fixture.restartAt("2026-05-01T08:04:40Z", { ...task, missed: "all" });
    assert.equal(fixture.ran.length, ran.length);
  });
}

Deno.test("all missed fire times run, even if the next one comes meanwhile", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  const gates = [new Gate(), new Gate(), new Gate()];
  let run = 0;
  fixture.during = () => gates[run++]?.opened;
  const task = fixture.task({ schedule: eachMinute, missed: "all" });
  await fixture.start(task);
  fixture.clock.set("2026-05-01T08:03:10Z");
  await fixture.clock.advance(30_000);
  assert.equal(fixture.ran.length, 1, "one at a time");
  // At 08:04, 08:01 still runs and two more wait: only 08:04 is skipped.
  await fixture.clock.advance(minute);
  for (const gate of gates) {
    gate.open();
    await fixture.clock.settle();
  }
  assert.deepEqual(fixture.ran.map((at) => at.slice(11, 16)), ["08:01", "08:02", "08:03"]);
  await fixture.clock.advance(minute);
  assert.deepEqual(fixture.ran.map((at) => at.slice(11, 16)).slice(3), ["08:05"]);
});

Deno.test("a task can be started manually, but not while it runs", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:30:00Z");
  const scheduler = await fixture.start(fixture.task({ schedule: daily }));
  const gate = new Gate();
  fixture.during = () => gate.opened;
  const running = scheduler.runNow("task");
  await fixture.clock.settle();
  await assert.rejects(scheduler.runNow("task"), /Task "task" is already running/);
  gate.open();
  assert.equal((await running)!.error, undefined);
  assert.equal(await scheduler.runNow("unknown"), undefined);
  await fixture.clock.advance(40 * minute);
  assert.deepEqual(fixture.ran, ["manual", "2026-05-01T09:00:00"]);
  assert.deepEqual((await fixture.runs()).map(({ trigger }) => trigger), [
    "manual",
    "2026-05-01T09:00:00.000Z",
  ]);
});

Deno.test("a disabled task does not run, and has missed nothing when it is enabled again", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  const task = fixture.task({ schedule: eachMinute, missed: "all" });
  const off = { ...task, enabled: false };
  const scheduler = await fixture.start(task);
  await fixture.clock.advance(minute);
  await scheduler.replace(source, [off]);
  assert.equal(scheduler.list()[0]!.nextRunAt, undefined);
  await fixture.clock.advance(5 * minute);
  await scheduler.replace(source, [task]);
  await fixture.clock.advance(minute);
  assert.deepEqual(fixture.ran.map((at) => at.slice(11, 16)), ["08:01", "08:07"]);
});

Deno.test("a one_shot that passed while its task was disabled does not run", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const schedule = { type: "one_shot", runAt: Date.parse("2026-05-01T09:00:00Z") } as const;
  const task = fixture.task({ schedule, missed: "once" });
  const scheduler = await fixture.start({ ...task, enabled: false });
  await fixture.clock.advance(120 * minute);
  await scheduler.replace(source, [task]);
  await fixture.clock.advance(minute);
  assert.deepEqual(fixture.ran, []);
  await fixture.restartAt("2026-05-01T11:00:00Z", task);
  assert.deepEqual(fixture.ran, [], "nor by the next start");
});

Deno.test("a task restarts if its schedule changes, not after other changes", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const schedule = { type: "interval", intervalMs: 10 * minute } as const;
  const task = fixture.task({ schedule });
  const scheduler = await fixture.start(task);
  await fixture.clock.advance(15 * minute);
  await scheduler.replace(source, [{ ...task, description: "another", timeoutMs: 5 }]);
  await fixture.clock.advance(6 * minute);
  assert.deepEqual(fixture.ran.map((at) => at.slice(11, 16)), ["08:10", "08:20"]);
  await scheduler.replace(source, [{ ...task, schedule: { ...schedule, intervalMs: 4 * minute } }]);
  await fixture.clock.advance(9 * minute);
  assert.deepEqual(fixture.ran.slice(2).map((at) => at.slice(11, 16)), ["08:25", "08:29"]);
  assert.equal(scheduler.list()[0]!.runCount, 4);
  // A one_shot with another time is a new one.
  const once = fixture.task({
    schedule: { type: "one_shot", runAt: Date.parse("2026-05-01T08:31:00Z") },
    name: "once",
  });
  await scheduler.replace(source, [once]);
  await fixture.clock.advance(2 * minute);
  const later = { ...once, schedule: { type: "one_shot", runAt: fixture.clock.now() } as const };
  await scheduler.replace(source, [later]);
  await fixture.clock.advance(minute);
  assert.deepEqual((await fixture.runs("once")).length, 2);
});

Deno.test("a name of another source is rejected, and nothing changes", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  const task = fixture.task({ schedule: eachMinute });
  const scheduler = await fixture.start(task);
  await assert.rejects(
    scheduler.replace("plugin.ts", [task]),
    /There is already a task "task" from scheduler\.yaml/,
  );
  await fixture.clock.advance(minute);
  assert.equal(fixture.ran.length, 1);
});

Deno.test("if replacing tasks fails, the old ones remain", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  const task = fixture.task({ schedule: eachMinute });
  const scheduler = await fixture.start(task);
  const changed = [
    { ...task, description: "changed", enabled: false },
    fixture.task({ name: "another", schedule: eachMinute }),
  ];
  fixture.storeDown = new Error("disk full");
  await assert.rejects(scheduler.replace(source, changed), /disk full/);
  fixture.storeDown = undefined;
  assert.deepEqual(scheduler.list().map(({ task }) => task), [task]);
  await fixture.clock.advance(minute);
  assert.equal(fixture.ran.length, 1);
  await scheduler.replace(source, changed);
  assert.deepEqual(scheduler.list().map(({ task }) => task), changed);
});

Deno.test("while the store fails nothing runs, and afterwards each task runs once", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:59:30Z");
  const scheduler = await fixture.start(fixture.task({ schedule: daily, missed: "once" }));
  fixture.storeDown = new Error("Cannot write to the store: disk full");
  await fixture.clock.advance(5 * minute);
  assert.deepEqual(fixture.ran, []);
  assert.ok(fixture.errors.length > 2, "it was retried");
  assert.match(fixture.errors[0]!, /disk full/);
  fixture.storeDown = undefined;
  await fixture.clock.advance(11 * minute);
  assert.deepEqual(fixture.ran, ["2026-05-01T09:00:00"]);
  assert.equal(scheduler.list()[0]!.runCount, 1);
  await fixture.clock.advance(60 * minute);
  assert.equal(fixture.ran.length, 1);
});

Deno.test("a one_shot runs after the store has failed for hours", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const task = fixture.task({ schedule: { type: "one_shot", delayMs: minute }, missed: "once" });
  await fixture.start(task);
  fixture.storeDown = new Error("disk full");
  await fixture.clock.advance(180 * minute);
  // The delay grows to ten minutes.
  assert.ok(fixture.errors.length < 30, `${fixture.errors.length} attempts`);
  fixture.storeDown = undefined;
  await fixture.clock.advance(11 * minute);
  assert.deepEqual(fixture.ran, ["2026-05-01T08:01:00"]);
});

Deno.test("a prompt that the intake rejects is retried until it is accepted once", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:59:30Z");
  await fixture.start(fixture.promptTask({ schedule: daily, missed: "once" }));
  fixture.promptsDown = new Error("queue_full");
  await fixture.clock.advance(3 * minute);
  assert.ok(fixture.submissions >= 3);
  assert.deepEqual(await fixture.runs(), [], "it has not run");
  assert.deepEqual(new Set(fixture.errors), new Set(["queue_full"]));
  fixture.promptsDown = undefined;
  await fixture.clock.advance(10 * minute);
  assert.deepEqual(fixture.prompts, [{
    requestId: "task-task-2026-05-01T09:00:00.000Z",
    task: "task",
    text: "What is new?",
    to: { platform: "test", channel: "channel-1" },
  }]);
  const submissions = fixture.submissions;
  await fixture.clock.advance(60 * minute);
  assert.equal(fixture.submissions, submissions);
  assert.equal((await fixture.runs()).length, 1);
});

Deno.test("a prompt submitted before the store failed is submitted again with the same id", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:59:30Z");
  await fixture.start(fixture.promptTask({ schedule: daily, missed: "once" }));
  fixture.storeDown = new Error("disk full");
  await fixture.clock.advance(2 * minute);
  fixture.storeDown = undefined;
  await fixture.clock.advance(10 * minute);
  assert.ok(fixture.submissions > 1);
  assert.equal(fixture.prompts.length, 1);
  assert.equal((await fixture.runs()).length, 1);
});

Deno.test("two schedulers on one store: each fire time runs exactly once in total", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  const tasks = [
    fixture.task({ schedule: eachMinute, missed: "all", overlap: "queue" }),
    fixture.promptTask({ name: "prompt", schedule: eachMinute }),
    fixture.task({ name: "once", schedule: { type: "one_shot", delayMs: 90_000 } }),
  ];
  const both = [await fixture.start(...tasks), await fixture.start(...tasks)];
  await fixture.clock.advance(60 * minute);
  // The machine sleeps, and both catch up.
  fixture.clock.set(fixture.clock.now() + 30 * minute);
  await fixture.clock.advance(minute);
  const own = (await fixture.runs()).map(({ trigger }) => trigger);
  assert.equal(own.length, 91);
  assert.equal(new Set(own).size, 91);
  assert.equal((await fixture.runs("once")).length, 1);
  assert.equal(fixture.ran.length, 92);
  assert.equal(fixture.prompts.length, (await fixture.runs("prompt")).length);
  assert.ok(fixture.submissions > fixture.prompts.length, "both submitted prompts");
  assert.deepEqual(fixture.errors, []);
  const counts = both.map((scheduler) => scheduler.list()[0]!.runCount);
  assert.equal(counts[0]! + counts[1]!, 91);
});

Deno.test("after a stop nothing runs, not even manually", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:30Z");
  const scheduler = await fixture.start(fixture.task({ schedule: eachMinute }));
  await scheduler.stop({ drainMs: 0 });
  await fixture.clock.advance(5 * minute);
  scheduler.tick();
  await assert.rejects(scheduler.runNow("task"), /stopping/);
  assert.deepEqual(fixture.ran, []);
  assert.equal(fixture.clock.timers, 0);
});
