/** The gateway in the background: start, status, restart, logs and stop. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertNothingRuns,
  filesAtRest,
  startInBackground,
  statusOf,
} from "../../support/process/background.ts";
import { CommandFolder } from "../../support/process/command_folder.ts";
import { exited, isAlive, sessionOf } from "../../support/process/processes.ts";
import { writtenText } from "../../support/process/temp_folder.ts";

Deno.test("start, status, restart, logs -f and stop work one after another", async () => {
  await using folder = new CommandFolder();
  const first = await startInBackground(folder);
  const running = await statusOf(folder);
  assert.deepEqual([running.code, running.state, running.pid], [0, "running", first]);
  assert.equal(running.health.pid, first);
  assert.equal(running.health.status, "ok");
  assert.match((await folder.run(["status"])).out, /^The gateway is running\n {2}process: +\d+\n/);

  // Only the PID file knows its port.
  const chat = await folder.run(["chat"], { input: "Hello there\n" });
  assert.deepEqual([chat.code, /clara> Hello there\n/.test(chat.out)], [0, true], chat.out);
  assert.match((await folder.run(["mcp", "list"])).out, /There are no MCP servers/);

  await using logs = folder.spawn(["logs", "-f"]);
  await logs.waitForLine(/echo model repeats/);
  const from = logs.lines.items.length;
  const restarted = await folder.run(["restart"]);
  assert.equal(restarted.code, 0, restarted.err);
  assert.match(
    restarted.out,
    /^The gateway has stopped .*\nThe gateway is running: process \d+ at /,
  );
  const second = await folder.pid();
  assert.notEqual(second, first);
  assert.equal(await isAlive(first), false);
  await logs.waitForLine(/Stopping: SIGTERM/, from);
  await logs.waitForLine(/listens on 127\.0\.0\.1:/, from);

  const later = logs.lines.items.length;
  const stopped = await folder.run(["stop"]);
  assert.deepEqual([stopped.code, stopped.err], [0, ""]);
  assert.match(stopped.out, /^The gateway has stopped \(process \d+, \d+\.\d seconds\)\n$/);
  await exited(second);
  await logs.waitForLine(/Stopped$/, later);
  assert.equal((await logs.kill("SIGINT")).signal, "SIGINT");
  await assertNothingRuns(folder);
  assert.deepEqual(folder.dataFiles(), filesAtRest);
  assert.deepEqual(await folder.run(["stop"]), {
    code: 0,
    out: "The gateway is not running\n",
    err: "",
  });
  assert.match((await folder.run(["logs", "-n", "1"])).out, /^[^\n]*Stopped\n$/);
});

Deno.test("a gateway in the background has its own session and no terminal", async () => {
  await using folder = new CommandFolder();
  const pid = await startInBackground(folder);
  assert.deepEqual(await sessionOf(pid), { id: pid, hasTerminal: false });
  Deno.kill(pid, "SIGHUP");
  assert.equal((await statusOf(folder)).code, 0);
});

Deno.test("a second start is refused and names the first gateway", async () => {
  await using folder = new CommandFolder();
  const pid = await startInBackground(folder);
  const { code, out, err } = await folder.run(["start"]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(
    err,
    new RegExp(`^Cannot start the gateway: it is already running, process ${pid} at `),
  );
  assert.equal((await statusOf(folder)).pid, pid);
});

Deno.test("a restart from another folder keeps the folder and options of the start", async () => {
  await using folder = new CommandFolder();
  await using elsewhere = new CommandFolder();
  await Deno.writeTextFile(
    join(folder.path, "tools.yaml"),
    "rules: [{ action: deny, risk: write }]",
  );
  await startInBackground(folder, ["--log-level", "debug", "--logfile", "my.log"]).catch(() => {});
  const pid = await folder.pid();
  const { code, err } = await folder.run(["restart", "--model", "m"], { cwd: elsewhere.path });
  assert.deepEqual([code, err], [0, ""]);
  assert.notEqual(await folder.pid(), pid);
  const log = await Deno.readTextFile(join(folder.path, "my.log"));
  assert.equal(log.match(/Tool rules: 1, from \.\/tools\.yaml/g)?.length, 2);
  const { flags } = JSON.parse((await Deno.readTextFile(folder.pidFile)).split("\n")[1]!);
  assert.deepEqual([flags["log-level"], flags.model], ["debug", "m"]);
});

Deno.test("a restart with an invalid setting leaves the gateway running", async () => {
  await using folder = new CommandFolder();
  const pid = await startInBackground(folder);
  const { code, err } = await folder.run(["restart", "--log-level", "loud"]);
  assert.equal(code, 2);
  assert.match(err, /--log-level="loud"/);
  assert.equal((await statusOf(folder)).pid, pid);
});

Deno.test("a gateway in the foreground is found and stopped, but not restarted", async () => {
  await using folder = new CommandFolder();
  await using run = folder.spawn(["run"]);
  await run.waitForLine(/listens on/);
  await writtenText(folder.pidFile);
  const { code, pid, background } = await statusOf(folder);
  assert.deepEqual([code, pid, background], [0, run.pid, false]);
  const restarted = await folder.run(["restart"]);
  assert.equal(restarted.code, 1);
  assert.match(restarted.err, /runs in the foreground, in a terminal or under a supervisor/);
  assert.match((await folder.run(["logs"])).err, /There is no log file: the gateway/);
  assert.equal((await folder.run(["stop"])).code, 0);
  await run.waitForLine(/Stopped/);
  await assertNothingRuns(folder);
});

Deno.test("a gateway of another folder is found at its address but not stopped", async () => {
  await using folder = new CommandFolder();
  await startInBackground(folder);
  const { address } = await statusOf(folder);
  await using other = new CommandFolder({ CLARA_GATEWAY_PORT: address.split(":")[1] });
  const found = await statusOf(other);
  assert.deepEqual([found.code, found.pid], [0, await folder.pid()]);
  const { code, err } = await other.run(["stop"]);
  assert.equal(code, 1);
  assert.match(err, /^Cannot stop the gateway at .*gateway\.pid is not its PID file\./);
  assert.equal((await statusOf(folder)).code, 0);
});
