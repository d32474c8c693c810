/** The gateway in the background: start, status, restart, logs, stop, and what can be in the way. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CommandFolder } from "../support/command_folder.ts";
import { gone, isAlive, written } from "../support/mcp_folder.ts";

/** What is left in the data folder when nothing runs: the store, its lock, the log. */
const atRest = ["gateway.db", "gateway.lock", "gateway.log"];

/** Starts a gateway in the background; gives its process. */
async function start(folder: CommandFolder, args: readonly string[] = []): Promise<number> {
  const { code, out, err } = await folder.run(["start", ...args]);
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /^The gateway runs: process \d+, at 127\.0\.0\.1:\d+\nLog: .*gateway\.log\n$/);
  return Number(/process (\d+)/.exec(out)![1]);
}

/** What `status --json` says. */
async function statusOf(folder: CommandFolder) {
  const { code, out } = await folder.run(["status", "--json"]);
  return { code, ...JSON.parse(out) };
}

/** Nothing of a start that failed is left: no process, no pid file, no lock. */
async function assertNothingRuns(folder: CommandFolder): Promise<void> {
  assert.deepEqual(await folder.processes(), []);
  await assert.rejects(Deno.stat(folder.pidFile), Deno.errors.NotFound);
  assert.equal((await statusOf(folder)).code, 3);
}

Deno.test("start, status, restart, logs -f and stop, one after the other", async () => {
  await using folder = new CommandFolder();
  const first = await start(folder);
  const running = await statusOf(folder);
  assert.deepEqual([running.code, running.state, running.pid], [0, "running", first]);
  assert.equal(running.health.pid, first);
  assert.equal(running.health.status, "ok");
  assert.match((await folder.run(["status"])).out, /^The gateway runs\n {2}process: +\d+\n/);

  // Its port is one that nobody knows but the pid file.
  const chat = await folder.run(["chat"], { input: "Hello there\n" });
  assert.deepEqual([chat.code, /clara> Hello there\n/.test(chat.out)], [0, true], chat.out);
  assert.match((await folder.run(["mcp", "list"])).out, /There are no MCP servers/);

  await using logs = folder.spawn(["logs", "-f"]);
  await logs.shows(/echo model answers/);
  const from = logs.lines.items.length;
  const restarted = await folder.run(["restart"]);
  assert.equal(restarted.code, 0, restarted.err);
  assert.match(restarted.out, /^The gateway has stopped .*\nThe gateway runs: process \d+, at /);
  const second = await folder.pid();
  assert.notEqual(second, first);
  assert.equal(await isAlive(first), false);
  await logs.shows(/Stopping: SIGTERM/, from);
  await logs.shows(/listens on 127\.0\.0\.1:/, from);

  const later = logs.lines.items.length;
  const stopped = await folder.run(["stop"]);
  assert.deepEqual([stopped.code, stopped.err], [0, ""]);
  assert.match(stopped.out, /^The gateway has stopped \(process \d+, \d+\.\d seconds\)\n$/);
  await gone(second);
  await logs.shows(/Stopped$/, later);
  assert.equal((await logs.kill("SIGINT")).signal, "SIGINT");
  await assertNothingRuns(folder);
  assert.deepEqual(folder.dataFiles(), atRest);
  assert.deepEqual(await folder.run(["stop"]), {
    code: 0,
    out: "The gateway does not run\n",
    err: "",
  });
  assert.match((await folder.run(["logs", "-n", "1"])).out, /^[^\n]*Stopped\n$/);
});

Deno.test("the background has a session of its own and no terminal", async () => {
  await using folder = new CommandFolder();
  const pid = await start(folder);
  const ps = new Deno.Command("ps", { args: ["-o", "sess=,tty=", "-p", String(pid)] });
  const [session, terminal] = new TextDecoder().decode((await ps.output()).stdout).trim()
    .split(/\s+/);
  assert.equal(Number(session), pid);
  assert.match(terminal!, /^\?+$/);
  Deno.kill(pid, "SIGHUP");
  assert.equal((await statusOf(folder)).code, 0);
});

Deno.test("a second start is refused and names the first", async () => {
  await using folder = new CommandFolder();
  const pid = await start(folder);
  const { code, out, err } = await folder.run(["start"]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, new RegExp(`^Cannot start the gateway: it runs already, process ${pid} at `));
  assert.equal((await statusOf(folder)).pid, pid);
});

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
  assert.match(err, /\n {2}Cannot listen on 127\.0\.0\.1:\d+: another program listens there\./);
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
  const killed = await start(folder);
  Deno.kill(killed, "SIGKILL");
  await gone(killed);
  const { code, state, note } = await statusOf(folder);
  assert.deepEqual([code, state], [3, "not running"]);
  assert.match(note, new RegExp(`gateway\\.pid is stale: process ${killed} is gone`));
  const pid = await start(folder);
  assert.equal((await statusOf(folder)).pid, pid);
  Deno.kill(pid, "SIGKILL");
  await gone(pid);
  const stopped = await folder.run(["stop"]);
  assert.equal(stopped.code, 0);
  assert.match(stopped.out, /^The gateway does not run: process \d+ is gone\. Removing /);
  await assertNothingRuns(folder);
});

Deno.test("a number that another process has by now is never signalled", async () => {
  await using folder = new CommandFolder();
  const killed = await start(folder);
  Deno.kill(killed, "SIGKILL");
  await gone(killed);
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
    await start(folder);
  });
}

Deno.test("a gateway that does not end in time is killed", async () => {
  await using folder = new CommandFolder();
  const pid = await start(folder);
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
    assert.match(await written(folder.logFile), /CLARA_TYPO is no setting/);
    assert.equal((await starting.kill(signal)).code, 130);
    await assertNothingRuns(folder);
  });
}

Deno.test("a restart from anywhere keeps the folder and the options of the start", async () => {
  await using folder = new CommandFolder();
  await using elsewhere = new CommandFolder();
  await Deno.writeTextFile(
    join(folder.path, "tools.yaml"),
    "rules: [{ action: deny, risk: write }]",
  );
  await start(folder, ["--log-level", "debug", "--logfile", "my.log"]).catch(() => {});
  const pid = await folder.pid();
  const { code, err } = await folder.run(["restart", "--model", "m"], { cwd: elsewhere.path });
  assert.deepEqual([code, err], [0, ""]);
  assert.notEqual(await folder.pid(), pid);
  const log = await Deno.readTextFile(join(folder.path, "my.log"));
  assert.equal(log.match(/Rules for tools: 1, from \.\/tools\.yaml/g)?.length, 2);
  const { flags } = JSON.parse((await Deno.readTextFile(folder.pidFile)).split("\n")[1]!);
  assert.deepEqual([flags["log-level"], flags.model], ["debug", "m"]);
});

Deno.test("a restart with a wrong setting leaves the old one running", async () => {
  await using folder = new CommandFolder();
  const pid = await start(folder);
  const { code, err } = await folder.run(["restart", "--log-level", "loud"]);
  assert.equal(code, 2);
  assert.match(err, /--log-level="loud"/);
  assert.equal((await statusOf(folder)).pid, pid);
});

Deno.test("a gateway in the foreground is found and stopped, but not restarted", async () => {
  await using folder = new CommandFolder();
  await using run = folder.spawn(["run"]);
  await run.shows(/listens on/);
  await written(folder.pidFile);
  const { code, pid, background } = await statusOf(folder);
  assert.deepEqual([code, pid, background], [0, run.pid, false]);
  const restarted = await folder.run(["restart"]);
  assert.equal(restarted.code, 1);
  assert.match(restarted.err, /runs in the foreground, of a terminal or of a supervisor/);
  assert.match((await folder.run(["logs"])).err, /There is no log file: the gateway/);
  assert.equal((await folder.run(["stop"])).code, 0);
  await run.shows(/Stopped/);
  await assertNothingRuns(folder);
});

Deno.test("a gateway of another folder is found at its address, and not stopped by mistake", async () => {
  await using folder = new CommandFolder();
  await start(folder);
  const { address } = await statusOf(folder);
  await using other = new CommandFolder({ CLARA_GATEWAY_PORT: address.split(":")[1] });
  const found = await statusOf(other);
  assert.deepEqual([found.code, found.pid], [0, await folder.pid()]);
  const { code, err } = await other.run(["stop"]);
  assert.equal(code, 1);
  assert.match(err, /^Cannot stop the gateway at .*: it is not the one of /);
  assert.equal((await statusOf(folder)).code, 0);
});

Deno.test("two gateways cannot share a pid file", async () => {
  await using folder = new CommandFolder();
  const pid = await start(folder);
  const args = ["run", "--pidfile", folder.pidFile, "--data-dir", join(folder.path, "other")];
  const { code, err } = await folder.run(args);
  assert.equal(code, 2);
  assert.match(
    err,
    /^Cannot use pid file ".*": the gateway of data folder ".*" \(process \d+\) has it/,
  );
  assert.equal(await folder.pid(), pid);
});
