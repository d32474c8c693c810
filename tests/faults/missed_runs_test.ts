/** Fault 25, and 24 as far as processes matter: fire times missed while no gateway was running. */

import assert from "node:assert/strict";
import { within } from "../support/deadline.ts";
import { exited } from "../support/process/processes.ts";
import { SchedulerFolder } from "./scheduler_folder.ts";

const minute = 60_000;
const policies = ["skip", "once", "all"] as const;
const signals = ["SIGTERM", "SIGKILL"] as const;

/** Tasks that run at once and then every ten minutes, one for each policy. */
const everyTenMinutes = "tasks:\n" + policies.map((missed) => `
  - name: ${missed}
    type: interval
    interval: 600
    delay: 0
    missed: ${missed}
    command: echo "$CLARA_FIRE_AT" >> ${missed}
`).join("");

function written(place: SchedulerFolder, name: string, count = 1): Promise<readonly string[]> {
  return within(place.waitForLines(name, count), { what: `${count} lines of ${name}` });
}

for (const signal of signals) {
  Deno.test(`runs missed between ${signal} and the next start run as configured`, async () => {
    await using place = new SchedulerFolder();
    place.write(everyTenMinutes);
    {
      await using gateway = await place.start();
      for (const name of policies) await written(place, name);
      await gateway.kill(signal);
    }
    const first = Object.fromEntries(policies.map((name) => [name, place.lines(name)[0]!]));
    place.ageTasks(65 * minute);
    // The missed times are 10, 20, … 60 minutes after the (shifted) first time.
    const after = (name: string, minutes: number) =>
      new Date(Date.parse(first[name]!) + (minutes - 65) * minute).toISOString();
    const all = [10, 20, 30, 40, 50, 60].map((minutes) => after("all", minutes));
    for (let start = 0; start < 2; start++) {
      await using gateway = await place.start();
      await written(place, "all", 7);
      await written(place, "once", 2);
      // Stop gracefully, so that everything started is finished.
      await gateway.kill(start === 0 ? signal : "SIGTERM");
      assert.deepEqual(place.lines("all").slice(1), all);
      assert.deepEqual(place.lines("once").slice(1), [after("once", 60)]);
      assert.deepEqual(place.lines("skip").slice(1), []);
    }
  });

  Deno.test(`a single fire time during the pause after ${signal} is neither lost nor repeated`, async () => {
    await using place = new SchedulerFolder();
    place.write(`tasks:
  - { name: later, type: one_shot, delay: 3600, command: 'echo "$CLARA_FIRE_AT" >> later' }
  - { name: now, type: one_shot, delay: 0, command: echo now >> now }
`);
    {
      await using gateway = await place.start();
      await written(place, "now");
      await gateway.kill(signal);
    }
    assert.deepEqual(place.lines("later"), []);
    place.ageTasks(65 * minute);
    for (let start = 0; start < 3; start++) {
      await using gateway = await place.start();
      const [fireAt] = await written(place, "later");
      assert.ok(Math.abs(Date.now() - Date.parse(fireAt!) - 5 * minute) < minute, fireAt);
      await gateway.kill(start === 0 ? signal : "SIGTERM");
    }
    assert.equal(place.lines("later").length, 1);
    assert.equal(place.lines("now").length, 1);
  });
}

Deno.test("a single fire time in the past runs once, at the first start that sees it", async () => {
  await using place = new SchedulerFolder();
  place.write(`tasks:
  - { name: past, type: one_shot, run_at: 2020-01-01T00:00:00Z, command: 'echo "$CLARA_FIRE_AT" >> past' }
  - { name: skipped, type: one_shot, run_at: 2020-01-01T00:00:00Z, missed: skip, command: echo x >> skipped }
`);
  for (let start = 0; start < 3; start++) {
    await using gateway = await place.start();
    await written(place, "past");
    await gateway.kill("SIGTERM");
  }
  assert.deepEqual(place.lines("past"), ["2020-01-01T00:00:00.000Z"]);
  assert.deepEqual(place.lines("skipped"), []);
});

Deno.test("a run interrupted by a kill is reported as failed, its process is gone, and it does not run again", async () => {
  await using place = new SchedulerFolder();
  place.write(`tasks:
  - name: long
    type: one_shot
    delay: 0
    missed: all
    command: echo $$ >> long; exec sleep 300
`);
  await using killed = await place.start();
  const [pid] = await written(place, "long");
  await killed.kill("SIGKILL");

  await using gateway = await place.start();
  const line = await gateway.waitForLog(/started for /);
  assert.match(
    line,
    /long.*the gateway ended while it ran; it is not run again for this time/,
  );
  const response = await fetch(`${gateway.httpUrl}/admin/tasks/results?name=long`);
  const { results } = await response.json();
  assert.equal(results.length, 1);
  assert.match(results[0].error, /the gateway ended while it ran/);
  await gateway.kill("SIGTERM");
  assert.equal(place.lines("long").length, 1);
  await exited(Number(pid));
});

Deno.test("a run ended by a graceful stop is recorded as such, not as interrupted", async () => {
  await using place = new SchedulerFolder();
  place.write(`tasks:
  - { name: long, type: one_shot, delay: 0, command: echo $$ >> long; exec sleep 300 }
`);
  await using stopped = await place.start({ env: { CLARA_DRAIN_SECONDS: "1" } });
  const [pid] = await written(place, "long");
  assert.equal((await stopped.kill("SIGTERM")).code, 0);
  assert.throws(() => Deno.kill(Number(pid), "SIGCONT"), "the command has outlived its gateway");
  const [run, ...others] = place.rows("SELECT error FROM runs");
  assert.match(String(run!.error), /the gateway is stopping/);
  assert.deepEqual(others, []);
  await using gateway = await place.start();
  await gateway.kill("SIGTERM");
  assert.equal(place.lines("long").length, 1);
});
