/** Tasks with real processes: killed by a stop and at their timeout. */

import assert from "node:assert/strict";
import type { Schedule, Task } from "../../../src/automation/scheduler/task.ts";
import { within } from "../../support/deadline.ts";
import { SchedulerFixture, source } from "./scheduler_fixture.ts";

const daily: Schedule = { type: "cron", cron: "0 9 * * *", timezone: "UTC" };

Deno.test("a stop kills a running command after the drain time", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const scheduler = await fixture.start(sleeper(fixture));
  const running = scheduler.runNow("task");
  const pid = await fixture.pid();
  await scheduler.stop({ drainMs: 50 });
  assert.match((await running)!.error!, /the gateway is stopping/);
  assert.equal(isAlive(pid), false);
  await fixture.clock.settle();
  assert.match((await fixture.runs())[0]!.error!, /the gateway is stopping/);
});

Deno.test("a stop kills a command whose task was removed from the file", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const scheduler = await fixture.start(sleeper(fixture));
  const running = scheduler.runNow("task");
  const pid = await fixture.pid();
  await scheduler.replace(source, []);
  assert.equal(isAlive(pid), true, "removing the task does not affect the run");
  await within(scheduler.stop({ drainMs: 50 }), { what: "the scheduler's stop" });
  assert.match((await running)!.error!, /the gateway is stopping/);
  assert.equal(isAlive(pid), false);
});

Deno.test("a command that takes too long is killed and reported", async () => {
  await using fixture = await SchedulerFixture.open("2026-05-01T08:00:00Z");
  const scheduler = await fixture.start({ ...sleeper(fixture), timeoutMs: 200 });
  const running = scheduler.runNow("task");
  const pid = await fixture.pid();
  assert.match((await running)!.error!, /longer than 0\.2 seconds/);
  assert.equal(isAlive(pid), false);
  assert.match(fixture.errors[0]!, /longer than 0\.2 seconds/);
});

/** Returns a task that writes its process id and does not end by itself. */
function sleeper(fixture: SchedulerFixture): Task {
  const command = "echo $$ > pid.new && mv pid.new pid && sleep 60";
  const action = { type: "command", command, workingDir: fixture.folder, env: {} } as const;
  return { ...fixture.task({ schedule: daily }), action };
}

function isAlive(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}
