import assert from "node:assert/strict";
import type { Schedule, TaskRun } from "../../../src/automation/scheduler/task.ts";
import { Gate } from "../../support/gate.ts";
import { SchedulerBench, source } from "./scheduler_bench.ts";

const minute = 60_000;
const eachMinute: Schedule = { type: "cron", cron: "* * * * *", timezone: "UTC" };
const daily: Schedule = { type: "cron", cron: "0 9 * * *", timezone: "UTC" };

Deno.test("a run is told, counted and kept with its result", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:59:30Z");
  const scheduler = await bench.start(bench.task({ schedule: daily }));
  assert.equal(scheduler.list()[0]!.nextRunAt, Date.parse("2026-05-01T09:00:00Z"));
  await bench.clock.pass(minute);
  const [status] = scheduler.list();
  assert.equal(status!.runCount, 1);
  assert.equal(status!.lastRunAt, Date.parse("2026-05-01T09:00:00Z"));
  assert.equal(status!.nextRunAt, Date.parse("2026-05-02T09:00:00Z"));
  assert.deepEqual(await bench.runs(), [
    { trigger: "2026-05-01T09:00:00.000Z", error: undefined },
  ]);
  assert.deepEqual(bench.events.map(({ name, data }) => [name, data]), [
    ["scheduler:task_run", {
      task_name: "task",
      task_type: "cron",
      fire_at: "2026-05-01T09:00:00.000Z",
    }],
  ]);
});

Deno.test("a run that fails is told, and the next one comes", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  bench.during = () => {
    throw new Error("no more disk");
  };
  await bench.start(bench.task({ schedule: eachMinute }));
  await bench.clock.pass(2 * minute);
  assert.deepEqual(bench.errors, ["no more disk", "no more disk"]);
  assert.deepEqual(await bench.runs(), [
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
  Deno.test(`fire times that meet a run: "${overlap}"`, async () => {
    await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
    const gate = new Gate();
    const ended: string[] = [];
    bench.during = async ({ signal, fire_at }: TaskRun) => {
      const abort = new Gate();
      signal.addEventListener("abort", () => {
        ended.push(fire_at!.slice(11, 16));
        abort.open();
      });
      await Promise.race([gate.opened, abort.opened]);
    };
    const task = bench.task({ schedule: eachMinute, overlap });
    await bench.start(task);
    await bench.clock.pass(3 * minute);
    gate.open();
    await bench.clock.pass(minute);
    assert.deepEqual(bench.ran.map((at) => at.slice(11, 16)), ran);
    assert.deepEqual(ended, aborted);
    // What was skipped is handled: no restart takes it up.
    await bench.restartAt("2026-05-01T08:04:40Z", { ...task, missed: "all" });
    assert.equal(bench.ran.length, ran.length);
  });
}

Deno.test("missed times that are caught up with all run, though the next meets them", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  const gates = [new Gate(), new Gate(), new Gate()];
  let run = 0;
  bench.during = () => gates[run++]?.opened;
  const task = bench.task({ schedule: eachMinute, missed: "all" });
  await bench.start(task);
  bench.clock.set("2026-05-01T08:03:10Z");
  await bench.clock.pass(30_000);
  assert.equal(bench.ran.length, 1, "one at a time");
  // 08:04 comes while 08:01 runs and two more wait: it is skipped, they are not.
  await bench.clock.pass(minute);
  for (const gate of gates) {
    gate.open();
    await bench.clock.settle();
  }
  assert.deepEqual(bench.ran.map((at) => at.slice(11, 16)), ["08:01", "08:02", "08:03"]);
  await bench.clock.pass(minute);
  assert.deepEqual(bench.ran.map((at) => at.slice(11, 16)).slice(3), ["08:05"]);
});

Deno.test("a task runs by hand beside its schedule, not beside itself", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:30:00Z");
  const scheduler = await bench.start(bench.task({ schedule: daily }));
  const gate = new Gate();
  bench.during = () => gate.opened;
  const running = scheduler.runNow("task");
  await bench.clock.settle();
  await assert.rejects(scheduler.runNow("task"), /Task "task" runs already/);
  gate.open();
  assert.equal((await running)!.error, undefined);
  assert.equal(await scheduler.runNow("unknown"), undefined);
  await bench.clock.pass(40 * minute);
  assert.deepEqual(bench.ran, ["manual", "2026-05-01T09:00:00"]);
  assert.deepEqual((await bench.runs()).map(({ trigger }) => trigger), [
    "manual",
    "2026-05-01T09:00:00.000Z",
  ]);
});

Deno.test("a task that is switched off does not run, and has missed nothing when it is on", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  const task = bench.task({ schedule: eachMinute, missed: "all" });
  const off = { ...task, enabled: false };
  const scheduler = await bench.start(task);
  await bench.clock.pass(minute);
  await scheduler.replace(source, [off]);
  assert.equal(scheduler.list()[0]!.nextRunAt, undefined);
  await bench.clock.pass(5 * minute);
  await scheduler.replace(source, [task]);
  await bench.clock.pass(minute);
  assert.deepEqual(bench.ran.map((at) => at.slice(11, 16)), ["08:01", "08:07"]);
});

Deno.test("a single time that passed while its task was off is not caught up with", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const schedule = { type: "one_shot", runAt: Date.parse("2026-05-01T09:00:00Z") } as const;
  const task = bench.task({ schedule, missed: "once" });
  const scheduler = await bench.start({ ...task, enabled: false });
  await bench.clock.pass(120 * minute);
  await scheduler.replace(source, [task]);
  await bench.clock.pass(minute);
  assert.deepEqual(bench.ran, []);
  await bench.restartAt("2026-05-01T11:00:00Z", task);
  assert.deepEqual(bench.ran, [], "nor by the next start");
});

Deno.test("another schedule begins anew, other changes do not", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const schedule = { type: "interval", intervalMs: 10 * minute } as const;
  const task = bench.task({ schedule });
  const scheduler = await bench.start(task);
  await bench.clock.pass(15 * minute);
  await scheduler.replace(source, [{ ...task, description: "another", timeoutMs: 5 }]);
  await bench.clock.pass(6 * minute);
  assert.deepEqual(bench.ran.map((at) => at.slice(11, 16)), ["08:10", "08:20"]);
  await scheduler.replace(source, [{ ...task, schedule: { ...schedule, intervalMs: 4 * minute } }]);
  await bench.clock.pass(9 * minute);
  assert.deepEqual(bench.ran.slice(2).map((at) => at.slice(11, 16)), ["08:25", "08:29"]);
  assert.equal(scheduler.list()[0]!.runCount, 4);
  // And a single time is a new one when it is another one.
  const once = bench.task({
    schedule: { type: "one_shot", runAt: Date.parse("2026-05-01T08:31:00Z") },
    name: "once",
  });
  await scheduler.replace(source, [once]);
  await bench.clock.pass(2 * minute);
  const later = { ...once, schedule: { type: "one_shot", runAt: bench.clock.now() } as const };
  await scheduler.replace(source, [later]);
  await bench.clock.pass(minute);
  assert.deepEqual((await bench.runs("once")).length, 2);
});

Deno.test("two sources cannot have a task of the same name, and neither is harmed", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  const task = bench.task({ schedule: eachMinute });
  const scheduler = await bench.start(task);
  await assert.rejects(
    scheduler.replace("plugin.ts", [task]),
    /There is a task "task" already, of scheduler\.yaml/,
  );
  await bench.clock.pass(minute);
  assert.equal(bench.ran.length, 1);
});

Deno.test("tasks that cannot all be put into force leave those before as they are", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  const task = bench.task({ schedule: eachMinute });
  const scheduler = await bench.start(task);
  const changed = [
    { ...task, description: "changed", enabled: false },
    bench.task({ name: "another", schedule: eachMinute }),
  ];
  bench.storeDown = new Error("disk full");
  await assert.rejects(scheduler.replace(source, changed), /disk full/);
  bench.storeDown = undefined;
  assert.deepEqual(scheduler.list().map(({ task }) => task), [task]);
  await bench.clock.pass(minute);
  assert.equal(bench.ran.length, 1);
  await scheduler.replace(source, changed);
  assert.deepEqual(scheduler.list().map(({ task }) => task), changed);
});

Deno.test("while the store fails nothing runs, and then each task runs once", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:59:30Z");
  const scheduler = await bench.start(bench.task({ schedule: daily, missed: "once" }));
  bench.storeDown = new Error("Cannot write to the store: disk full");
  await bench.clock.pass(5 * minute);
  assert.deepEqual(bench.ran, []);
  assert.ok(bench.errors.length > 2, "it was tried again");
  assert.match(bench.errors[0]!, /disk full/);
  bench.storeDown = undefined;
  await bench.clock.pass(11 * minute);
  assert.deepEqual(bench.ran, ["2026-05-01T09:00:00"]);
  assert.equal(scheduler.list()[0]!.runCount, 1);
  await bench.clock.pass(60 * minute);
  assert.equal(bench.ran.length, 1);
});

Deno.test("a single time outlives a store that fails for hours", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const task = bench.task({ schedule: { type: "one_shot", delayMs: minute }, missed: "once" });
  await bench.start(task);
  bench.storeDown = new Error("disk full");
  await bench.clock.pass(180 * minute);
  // With the longest pause between tries: 20 at first, then one in ten minutes.
  assert.ok(bench.errors.length < 30, `${bench.errors.length} tries`);
  bench.storeDown = undefined;
  await bench.clock.pass(11 * minute);
  assert.deepEqual(bench.ran, ["2026-05-01T08:01:00"]);
});

Deno.test("a prompt that is refused for a while is put in when it can be, once", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:59:30Z");
  await bench.start(bench.promptTask({ schedule: daily, missed: "once" }));
  bench.promptsDown = new Error("queue_full");
  await bench.clock.pass(3 * minute);
  assert.ok(bench.submissions >= 3);
  assert.deepEqual(await bench.runs(), [], "it has not run");
  assert.deepEqual(new Set(bench.errors), new Set(["queue_full"]));
  bench.promptsDown = undefined;
  await bench.clock.pass(10 * minute);
  assert.deepEqual(bench.prompts, [{
    requestId: "task-task-2026-05-01T09:00:00.000Z",
    task: "task",
    text: "What is new?",
    to: { platform: "test", channel: "channel-1" },
  }]);
  const submissions = bench.submissions;
  await bench.clock.pass(60 * minute);
  assert.equal(bench.submissions, submissions);
  assert.equal((await bench.runs()).length, 1);
});

Deno.test("a prompt that was put in when the store failed is put in again under the same id", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:59:30Z");
  await bench.start(bench.promptTask({ schedule: daily, missed: "once" }));
  bench.storeDown = new Error("disk full");
  await bench.clock.pass(2 * minute);
  bench.storeDown = undefined;
  await bench.clock.pass(10 * minute);
  assert.ok(bench.submissions > 1);
  assert.equal(bench.prompts.length, 1);
  assert.equal((await bench.runs()).length, 1);
});

Deno.test("two schedulers on one store: each fire time runs exactly once in total", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  const tasks = [
    bench.task({ schedule: eachMinute, missed: "all", overlap: "queue" }),
    bench.promptTask({ name: "prompt", schedule: eachMinute }),
    bench.task({ name: "once", schedule: { type: "one_shot", delayMs: 90_000 } }),
  ];
  const both = [await bench.start(...tasks), await bench.start(...tasks)];
  await bench.clock.pass(60 * minute);
  // The machine sleeps, both catch up.
  bench.clock.set(bench.clock.now() + 30 * minute);
  await bench.clock.pass(minute);
  const own = (await bench.runs()).map(({ trigger }) => trigger);
  assert.equal(own.length, 91);
  assert.equal(new Set(own).size, 91);
  assert.equal((await bench.runs("once")).length, 1);
  assert.equal(bench.ran.length, 92);
  assert.equal(bench.prompts.length, (await bench.runs("prompt")).length);
  assert.ok(bench.submissions > bench.prompts.length, "both have tried");
  assert.deepEqual(bench.errors, []);
  const counts = both.map((scheduler) => scheduler.list()[0]!.runCount);
  assert.equal(counts[0]! + counts[1]!, 91);
});

Deno.test("nothing runs any more after a stop, also by hand", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:30Z");
  const scheduler = await bench.start(bench.task({ schedule: eachMinute }));
  await scheduler.stop({ drainMs: 0 });
  await bench.clock.pass(5 * minute);
  scheduler.tick();
  await assert.rejects(scheduler.runNow("task"), /stopping/);
  assert.deepEqual(bench.ran, []);
  assert.equal(bench.clock.timers, 0);
});
