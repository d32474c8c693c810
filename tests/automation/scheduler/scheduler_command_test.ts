/** Commands of tasks as real processes: ended by a stop and at their time-out. */

import assert from "node:assert/strict";
import type { Schedule, Task } from "../../../src/automation/scheduler/task.ts";
import { within } from "../../support/deadline.ts";
import { SchedulerBench, source } from "./scheduler_bench.ts";

const daily: Schedule = { type: "cron", cron: "0 9 * * *", timezone: "UTC" };

Deno.test("a stop ends a command that runs, after the time that it has", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const scheduler = await bench.start(sleeper(bench));
  const running = scheduler.runNow("task");
  const pid = await bench.pid();
  await scheduler.stop({ drainMs: 50 });
  assert.match((await running)!.error!, /the gateway is stopping/);
  assert.equal(isAlive(pid), false);
  await bench.clock.settle();
  assert.match((await bench.runs())[0]!.error!, /the gateway is stopping/);
});

Deno.test("a stop ends a command whose task was taken out of the file meanwhile", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const scheduler = await bench.start(sleeper(bench));
  const running = scheduler.runNow("task");
  const pid = await bench.pid();
  await scheduler.replace(source, []);
  assert.equal(isAlive(pid), true, "a run that goes on is not disturbed");
  await within(scheduler.stop({ drainMs: 50 }), { what: "the scheduler's end" });
  assert.match((await running)!.error!, /the gateway is stopping/);
  assert.equal(isAlive(pid), false);
});

Deno.test("a command that takes too long is ended and told", async () => {
  await using bench = await SchedulerBench.open("2026-05-01T08:00:00Z");
  const scheduler = await bench.start({ ...sleeper(bench), timeoutMs: 200 });
  const running = scheduler.runNow("task");
  const pid = await bench.pid();
  assert.match((await running)!.error!, /longer than 0\.2 seconds/);
  assert.equal(isAlive(pid), false);
  assert.match(bench.errors[0]!, /longer than 0\.2 seconds/);
});

/** A task that notes its process and does not end by itself. */
function sleeper(bench: SchedulerBench): Task {
  const command = "echo $$ > pid.new && mv pid.new pid && sleep 60";
  const action = { type: "command", command, workingDir: bench.folder, env: {} } as const;
  return { ...bench.task({ schedule: daily }), action };
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}
