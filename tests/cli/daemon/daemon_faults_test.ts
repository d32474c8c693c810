/** What can be in the way of a gateway in the background: each with its message, and nothing left behind. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingRuns, atRest, startIn, statusOf } from "../../support/process/background.ts";
import { CommandFolder } from "../../support/process/command_folder.ts";
import { exited, isAlive } from "../../support/process/processes.ts";
import { writtenText } from "../../support/process/temp_folder.ts";

Deno.test("of two starts at once one wins, the other says so", async () => {
  await using folder = new CommandFolder();
  const both = await Promise.all([folder.run(["start"]), folder.run(["start"])]);
  const [winner, loser] = both.toSorted((a, b) => a.code - b.code);
  assert.deepEqual([winner!.code, loser!.code], [0, 1], JSON.stringify(both));
  const pid = await folder.pid();
  assert.match(winner!.out, new RegExp(`process ${pid}, at`));
  assert.match(loser!.err, new RegExp(`^Cannot start .*: it runs already, process ${pid} at `));
  assert.deepEqual(await folder.processes().then((all) => all.length), 1);
});

Deno.test("a start on a foreign program's port says so, and leaves nothing behind", async () => {
  await using folder = new CommandFolder();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, out, err } = await folder.run(["start", "--port", String(listener.addr.port)]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(
    err,
    /^Cannot start the gateway: it ended with exit code 1\. Its log, .*, says last:/,
  );
  assert.match(
    err,
    /\n {2}Cannot listen on 127\.0\.0\.1:\d+: the port is in use by another program\./,
  );
  await assertNothingRuns(folder);
  assert.deepEqual(folder.dataFiles(), atRest);
});

Deno.test("a log that cannot be written is said before anything is started", async () => {
  await using folder = new CommandFolder();
  await Deno.writeTextFile(join(folder.path, "file"), "");
  const { code, out, err } = await folder.run(["start", "--logfile", "file/gateway.log"]);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /^Cannot write log file ".*file\/gateway\.log": .* Choose another one with/);
  await assert.rejects(Deno.stat(folder.dataDir), Deno.errors.NotFound);
  assert.deepEqual(await folder.processes(), []);
});

Deno.test("all that is set wrongly is said at once, and nothing is started", async () => {
  await using folder = new CommandFolder();
  const env = { CLARA_MAX_TOOL_ROUNDS: "many", CLARA_LOG_FORMAT: "loud" };
  const { code, err } = await folder.run(["start"], { env });
  assert.equal(code, 2);
  assert.match(
    err,
    /^Cannot use CLARA_MAX_TOOL_ROUNDS="many".*\nCannot use CLARA_LOG_FORMAT="loud"/,
  );
  await assert.rejects(Deno.stat(folder.dataDir), Deno.errors.NotFound);
});

Deno.test("after kill -9 the pid file is known as stale, and the next start replaces it", async () => {
  await using folder = new CommandFolder();
  const killed = await startIn(folder);
  Deno.kill(killed, "SIGKILL");
  await exited(killed);
  const { code, state, note } = await statusOf(folder);
  assert.deepEqual([code, state], [3, "not running"]);
  assert.match(note, new RegExp(`gateway\\.pid is stale: process ${killed} is gone`));
  const pid = await startIn(folder);
  assert.equal((await statusOf(folder)).pid, pid);
  Deno.kill(pid, "SIGKILL");
  await exited(pid);
  const stopped = await folder.run(["stop"]);
  assert.equal(stopped.code, 0);
  assert.match(stopped.out, /^The gateway does not run: process \d+ is gone\. Removing /);
  await assertNothingRuns(folder);
});

Deno.test("a number that another process has by now is never signalled", async () => {
  await using folder = new CommandFolder();
  const killed = await startIn(folder);
  Deno.kill(killed, "SIGKILL");
  await exited(killed);
  const sleep = new Deno.Command("sleep", { args: ["600"] }).spawn();
  try {
    const [, rest] = (await Deno.readTextFile(folder.pidFile)).split("\n");
    await Deno.writeTextFile(folder.pidFile, `${sleep.pid}\n${rest}\n`);
    assert.match((await statusOf(folder)).note, new RegExp(`process ${sleep.pid} is gone`));
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
  Deno.test(`a pid file with ${JSON.stringify(text)} is none, and does not hinder a start`, async () => {
    await using folder = new CommandFolder();
    await Deno.mkdir(folder.dataDir);
    await Deno.writeTextFile(folder.pidFile, text);
    const { code, note } = await statusOf(folder);
    assert.deepEqual([code, /is stale: it is no pid file/.test(note)], [3, true]);
    await startIn(folder);
  });
}

Deno.test("a gateway that does not end in time is killed", async () => {
  await using folder = new CommandFolder();
  const pid = await startIn(folder);
  Deno.kill(pid, "SIGSTOP");
  const hanging = await statusOf(folder);
  assert.deepEqual([hanging.code, hanging.state, hanging.pid], [4, "unresponsive", pid]);
  const { code, err } = await folder.run(["stop", "--timeout", "0.3"]);
  assert.equal(code, 0);
  assert.match(err, /did not end within 0\.3 seconds: killing it/);
  await assertNothingRuns(folder);
});

/** A gateway that never comes up: it waits for the writer of its persona. */
async function stuck(folder: CommandFolder): Promise<Readonly<Record<string, string>>> {
  const pipe = join(folder.path, "persona");
  assert.equal((await new Deno.Command("mkfifo", { args: [pipe] }).output()).code, 0);
  return { CLARA_PERSONA_FILE: pipe };
}

Deno.test("a gateway that does not answer in time is ended again", async () => {
  await using folder = new CommandFolder();
  const env = await stuck(folder);
  const { code, err } = await folder.run(["start", "--timeout", "1"], { env });
  assert.equal(code, 1);
  assert.match(err, /^Cannot start the gateway: it did not answer within 1 seconds/);
  await assertNothingRuns(folder);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`a start that ${signal} interrupts leaves nothing behind`, async () => {
    await using folder = new CommandFolder();
    const env = await stuck(folder);
    await using starting = folder.spawn(["start"], { env: { ...env, CLARA_TYPO: "1" } });
    // The gateway has begun when its log has something.
    assert.match(await writtenText(folder.logFile), /CLARA_TYPO is not a setting/);
    assert.equal((await starting.kill(signal)).code, 130);
    await assertNothingRuns(folder);
  });
}

Deno.test("two gateways cannot share a pid file", async () => {
  await using folder = new CommandFolder();
  const pid = await startIn(folder);
  const args = ["run", "--pidfile", folder.pidFile, "--data-dir", join(folder.path, "other")];
  const { code, err } = await folder.run(args);
  assert.equal(code, 2);
  assert.match(
    err,
    /^Cannot use pid file ".*": the gateway of data folder ".*" \(process \d+\) has it/,
  );
  assert.equal(await folder.pid(), pid);
});
