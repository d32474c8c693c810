/** Failures of a gateway in the background: each has its message and leaves nothing behind. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertNothingRuns,
  filesAtRest,
  startInBackground,
  statusOf,
} from "../../support/process/background.ts";
import { CommandFolder } from "../../support/process/command_folder.ts";
import { exited, isAlive } from "../../support/process/processes.ts";
import { writtenText } from "../../support/process/temp_folder.ts";

Deno.test("of two simultaneous starts one wins, and the other says so", async () => {
  await using folder = new CommandFolder();
  const both = await Promise.all([folder.run(["start"]), folder.run(["start"])]);
  const [winner, loser] = both.toSorted((a, b) => a.code - b.code);
  assert.deepEqual([winner!.code, loser!.code], [0, 1], JSON.stringify(both));
  const pid = await folder.pid();
  assert.match(winner!.out, new RegExp(`process ${pid} at`));
  assert.match(
    loser!.err,
    new RegExp(`^Cannot start .*: it is already running, process ${pid} at `),
  );
  assert.deepEqual(await folder.processes().then((all) => all.length), 1);
});

Deno.test("a start on a port in use says so and leaves nothing behind", async () => {
  await using folder = new CommandFolder();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, out, err } = await folder.run(["start", "--port", String(listener.addr.port)]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(
    err,
    /^Cannot start the gateway: it ended with exit code 1\. Last lines of its log, .*:/,
  );
  assert.match(
    err,
    /\n {2}Cannot listen on 127\.0\.0\.1:\d+: the port is in use by another program\./,
  );
  await assertNothingRuns(folder);
  assert.deepEqual(folder.dataFiles(), filesAtRest);
});

Deno.test("a log that cannot be written is reported before the start", async () => {
  await using folder = new CommandFolder();
  await Deno.writeTextFile(join(folder.path, "file"), "");
  const { code, out, err } = await folder.run(["start", "--logfile", "file/gateway.log"]);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /^Cannot write log file ".*file\/gateway\.log": .* Choose another file with/);
  await assert.rejects(Deno.stat(folder.dataDir), Deno.errors.NotFound);
  assert.deepEqual(await folder.processes(), []);
});

Deno.test("all invalid settings are reported at once, and nothing is started", async () => {
  await using folder = new CommandFolder();
  const env = { CLARA_MAX_TOOL_ROUNDS: "many", CLARA_LOG_FORMAT: "loud" };
  const { code, err } = await folder.run(["start"], { env });
  assert.equal(code, 2);
  assert.match(
    err,
    /^Cannot use CLARA_LOG_FORMAT="loud".*\nCannot use CLARA_MAX_TOOL_ROUNDS="many"/,
  );
  await assert.rejects(Deno.stat(folder.dataDir), Deno.errors.NotFound);
});

Deno.test("after kill -9 the PID file is stale, and the next start replaces it", async () => {
  await using folder = new CommandFolder();
  const killed = await startInBackground(folder);
  Deno.kill(killed, "SIGKILL");
  await exited(killed);
  const { code, state, note } = await statusOf(folder);
  assert.deepEqual([code, state], [3, "not running"]);
  assert.match(note, new RegExp(`gateway\\.pid is stale: process ${killed} has ended`));
  const pid = await startInBackground(folder);
  assert.equal((await statusOf(folder)).pid, pid);
  Deno.kill(pid, "SIGKILL");
  await exited(pid);
  const stopped = await folder.run(["stop"]);
  assert.equal(stopped.code, 0);
  assert.match(stopped.out, /^The gateway is not running: process \d+ has ended\. Removing /);
  await assertNothingRuns(folder);
});

Deno.test("another process that got the same id is never signalled", async () => {
  await using folder = new CommandFolder();
  const killed = await startInBackground(folder);
  Deno.kill(killed, "SIGKILL");
  await exited(killed);
  const sleep = new Deno.Command("sleep", { args: ["600"] }).spawn();
  try {
    const [, rest] = (await Deno.readTextFile(folder.pidFile)).split("\n");
    await Deno.writeTextFile(folder.pidFile, `${sleep.pid}\n${rest}\n`);
    assert.match((await statusOf(folder)).note, new RegExp(`process ${sleep.pid} has ended`));
    for (const command of ["restart", "stop"]) {
      await Deno.writeTextFile(folder.pidFile, `${sleep.pid}\n${rest}\n`);
      assert.equal((await folder.run([command])).code, 0);
      assert.ok(await isAlive(sleep.pid));
      await folder.run(["stop"]);
    }
  } finally {
    sleep.kill("SIGKILL");
    await sleep.status;
  }
});

for (const text of ["", "12345", "no number\n{}\n", "1\n{}\n", "-1\n{}"]) {
  Deno.test(`an invalid PID file, ${JSON.stringify(text)}, does not prevent a start`, async () => {
    await using folder = new CommandFolder();
    await Deno.mkdir(folder.dataDir);
    await Deno.writeTextFile(folder.pidFile, text);
    const { code, note } = await statusOf(folder);
    assert.deepEqual([code, /is stale: it is not a PID file/.test(note)], [3, true]);
    await startInBackground(folder);
  });
}

Deno.test("a gateway that does not stop in time is killed", async () => {
  await using folder = new CommandFolder();
  const pid = await startInBackground(folder);
  Deno.kill(pid, "SIGSTOP");
  const hanging = await statusOf(folder);
  assert.deepEqual([hanging.code, hanging.state, hanging.pid], [4, "unresponsive", pid]);
  const { code, err } = await folder.run(["stop", "--timeout", "0.3"]);
  assert.equal(code, 0);
  assert.match(err, /did not stop within 0\.3 seconds; killing it/);
  await assertNothingRuns(folder);
});

/** The settings of a gateway that never comes up: it waits for the writer of its persona. */
async function stuck(folder: CommandFolder): Promise<Readonly<Record<string, string>>> {
  const pipe = join(folder.path, "persona");
  assert.equal((await new Deno.Command("mkfifo", { args: [pipe] }).output()).code, 0);
  return { CLARA_PERSONA_FILE: pipe };
}

Deno.test("a gateway that does not respond in time is stopped", async () => {
  await using folder = new CommandFolder();
  const env = await stuck(folder);
  const { code, err } = await folder.run(["start", "--timeout", "1"], { env });
  assert.equal(code, 1);
  assert.match(err, /^Cannot start the gateway: it did not respond within 1 seconds/);
  await assertNothingRuns(folder);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`a start interrupted by ${signal} leaves nothing behind`, async () => {
    await using folder = new CommandFolder();
    const env = await stuck(folder);
    await using starting = folder.spawn(["start"], { env: { ...env, CLARA_TYPO: "1" } });
    // The gateway has begun when its log has something.
    assert.match(await writtenText(folder.logFile), /CLARA_TYPO is not a setting/);
    assert.equal((await starting.kill(signal)).code, 130);
    await assertNothingRuns(folder);
  });
}

Deno.test("two gateways cannot share a PID file", async () => {
  await using folder = new CommandFolder();
  const pid = await startInBackground(folder);
  const args = ["run", "--pidfile", folder.pidFile, "--data-dir", join(folder.path, "other")];
  const { code, err } = await folder.run(args);
  assert.equal(code, 2);
  assert.match(
    err,
    /^Cannot use PID file ".*": it belongs to the gateway of data folder ".*" \(process \d+\)/,
  );
  assert.equal(await folder.pid(), pid);
});
