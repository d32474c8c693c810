/** The documented examples of scheduler.yaml, in a real gateway and on the command line. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SchedulerFolder } from "../faults/scheduler_folder.ts";
import { type CommandResult, runCommand } from "../support/process/command_process.ts";
import { within } from "../support/deadline.ts";
import { documentedTasks } from "../support/documented_examples.ts";
import type { GatewayProcess } from "../support/process/gateway_process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Replaces the programs called by the examples with ones that record their arguments. */
function programs(place: SchedulerFolder): Readonly<Record<string, string>> {
  const bin = join(place.folder, "bin");
  Deno.mkdirSync(bin);
  for (const name of ["python", "curl"]) {
    const script = `#!/bin/sh\necho "${name} $*" >> calls\necho "${name} was here"\n`;
    Deno.writeTextFileSync(join(bin, name), script, { mode: 0o755 });
  }
  return { PATH: `${bin}:${Deno.env.get("PATH")}`, TZ: "UTC" };
}

/** Runs `tasks` with these arguments against a gateway. */
function tasks({ url }: GatewayProcess, ...words: readonly string[]): Promise<CommandResult> {
  return runCommand(["tasks", ...words], { cwd: Deno.cwd(), url });
}

Deno.test("the documented tasks are listed with their times and can be run by hand", async () => {
  await using place = new SchedulerFolder();
  place.write(documentedTasks);
  const before = Date.now();
  await using gateway = await place.start({ env: programs(place) });
  const next = JSON.parse((await tasks(gateway, "next", "--json")).out) as readonly {
    readonly name: string;
    readonly fire_at: string;
  }[];
  const firstOf = (name: string) =>
    Date.parse(next.find((entry) => entry.name === name)?.fire_at ?? "");
  const near = (at: number, aheadMs: number) => Math.abs(at - before - aheadMs) < 15_000;
  assert.ok(near(firstOf("cleanup-sessions"), 3_600_000));
  assert.ok(near(firstOf("startup-check"), 30_000));
  const { out } = await tasks(gateway, "list");
  assert.match(out, /daily-summary +0 9 \* \* \* +on +0 +- +20\d\d-\d\d-\d\dT09:00:00\.000Z/);
  const calls = {
    "cleanup-sessions": "python -m scripts.cleanup_sessions",
    "daily-summary": "python -m scripts.daily_summary",
    "startup-check": "curl http://localhost:8000/health",
  };
  for (const [name, call] of Object.entries(calls)) {
    const run = await tasks(gateway, "run", name);
    assert.equal(run.code, 0, run.err);
    assert.match(run.out, new RegExp(`${name} .*ok .*exit code 0`));
    assert.match(run.out, /\n {4}(python|curl) was here/);
    assert.equal(place.lines("calls").at(-1), call);
  }
  const { out: results } = await tasks(gateway, "results");
  for (const name of Object.keys(calls)) assert.match(results, new RegExp(`${name} +for manual`));
  const unknown = await tasks(gateway, "run", "no-such-task");
  assert.deepEqual([unknown.code, unknown.err], [1, 'There is no task "no-such-task"']);
});

Deno.test("the documented tasks run by themselves, in seconds instead of hours", async () => {
  await using place = new SchedulerFolder();
  place.write(
    documentedTasks.replace("interval: 3600", "interval: 1").replace("delay: 30", "delay: 1")
      .replace('"0 9 * * *"', '"* * * * * *"'),
  );
  await using gateway = await place.start({ env: programs(place) });
  await within(place.waitForLines("calls", 9), { what: "three runs of each" });
  await gateway.kill("SIGTERM");
  const calls = place.lines("calls");
  const count = (call: string) => calls.filter((line) => line === call).length;
  assert.ok(count("python -m scripts.cleanup_sessions") >= 2);
  assert.ok(count("python -m scripts.daily_summary") >= 2);
  assert.equal(count("curl http://localhost:8000/health"), 1);
});

Deno.test("the scheduler.yaml shipped with the gateway works unchanged", async () => {
  await using place = new SchedulerFolder();
  place.write(Deno.readTextFileSync(join(root, "scheduler.yaml")));
  await using gateway = await place.start();
  const run = await tasks(gateway, "run", "disk-space");
  assert.match(run.out, /disk-space .*\n {4}\d+% of the disk is in use, \d+ KiB are free/);
  const { out } = await tasks(gateway, "list");
  assert.match(out, /daily-digest +0 8 \* \* \* \(Europe\/Berlin\) +off/);
});
