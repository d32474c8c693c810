/** One command of the operator's: within its time, its output within a limit, nothing left of it. */

import assert from "node:assert/strict";
import {
  runShellCommand,
  type ShellCommandOptions,
} from "../../../src/automation/command/shell_command.ts";
import { exited } from "../../support/process/processes.ts";
import { TempFolder, writtenText } from "../../support/process/temp_folder.ts";

const env = { PATH: Deno.env.get("PATH") ?? "" };

/** Runs a command in the temporary folder of the system, for at most 20 seconds. */
function run(command: string, options: Partial<ShellCommandOptions> = {}) {
  return runShellCommand({ command, cwd: "/", env, timeoutMs: 20_000, ...options });
}

/** The process ids that a command has printed, one a line. */
function pidsOf(output: string): readonly number[] {
  return output.trim().split("\n").map(Number);
}

async function allGone(pids: readonly number[], count: number): Promise<void> {
  assert.equal(pids.length, count, `process ids: ${pids}`);
  for (const pid of pids) {
    assert.ok(pid > 1, `a process id: ${pid}`);
    await exited(pid, 2_000);
  }
}

Deno.test("a command's output and exit code are told", async () => {
  const { exitCode, output, error, durationMs } = await run("echo out; echo err >&2");
  assert.deepEqual([exitCode, error], [0, undefined]);
  assert.deepEqual(output.split("\n").sort(), ["", "err", "out"]);
  assert.ok(durationMs >= 0 && durationMs < 20_000);
  const failed = await run("echo no; exit 3");
  assert.deepEqual(
    [failed.exitCode, failed.output, failed.error],
    [3, "no\n", "it ended with exit code 3"],
  );
  const missing = await run("no-such-command-anywhere");
  assert.equal(missing.exitCode, 127);
  assert.match(missing.output, /no-such-command-anywhere/);
});

Deno.test("a command that a signal ends says which", async () => {
  const { exitCode, error } = await run("kill -KILL $$");
  assert.deepEqual([exitCode, error], [undefined, "it was ended by SIGKILL"]);
});

Deno.test("the environment is the given one and no more", async () => {
  const { output } = await run("env", { env: { ...env, CLARA_X: "a b" } });
  const names = output.trim().split("\n").map((line) => line.replace(/=.*/, ""))
    .filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name));
  assert.deepEqual(names.sort(), ["CLARA_X", "PATH"]);
});

Deno.test("the input arrives whole, whatever its size", async () => {
  const input = "0123456789abcde\n".repeat(300_000);
  assert.equal((await run("wc -c", { input })).output.trim(), String(input.length));
  assert.equal((await run("cat", { input: "ü\0\n" })).output, "ü\0\n");
  assert.equal((await run("cat")).output, "");
});

Deno.test("a command need not read its input, or not all of it", async () => {
  const input = "x".repeat(5_000_000);
  for (const command of ["true", "head -c 3 >/dev/null", "exec <&-; true"]) {
    const { exitCode, error } = await run(command, { input });
    assert.deepEqual([exitCode, error], [0, undefined], command);
  }
});

Deno.test("a folder that is not there is told", async () => {
  const { exitCode, error, output } = await run("echo hi", { cwd: "/no/such/folder" });
  assert.deepEqual([exitCode, output], [undefined, ""]);
  assert.match(error!, /\/no\/such\/folder/);
});

Deno.test("long output is cut in the middle", async () => {
  const { output, exitCode } = await run("seq 1 100000", { outputBytes: 1_000 });
  assert.equal(exitCode, 0);
  assert.match(output, /^1\n2\n3\n[^]*\n\[587895 bytes are not kept\]\n[^]*99999\n100000\n$/);
  assert.ok(output.length < 1_100);
});

Deno.test("at its time all of a command's group ends, also what ignores TERM", async () => {
  const result = await run(
    `trap "" TERM; echo $$
     sleep 100 & echo $!
     sh -c 'trap "" TERM; sleep 100 & echo $!; echo $$; while :; do sleep 100; done' &
     while :; do sleep 100; done`,
    { timeoutMs: 2_000, graceMs: 300 },
  );
  assert.equal(result.error, "it took longer than 2 seconds and was ended");
  assert.equal(result.exitCode, undefined);
  assert.ok(result.durationMs >= 2_290 && result.durationMs < 10_000, `${result.durationMs} ms`);
  await allGone(pidsOf(result.output), 4);
});

Deno.test("a command that heeds TERM may say goodbye", async () => {
  await using folder = new TempFolder();
  const stop = new AbortController();
  const running = run(
    `trap 'echo goodbye; exit 0' TERM; echo $$ > started; while :; do sleep 0.05; done`,
    { cwd: folder.path, signal: stop.signal },
  );
  await writtenText(`${folder.path}/started`);
  stop.abort(new Error("enough"));
  const { error, output } = await running;
  assert.equal(error, "enough");
  assert.match(output, /goodbye\n$/);
});

Deno.test("what a command has started may say goodbye, too, when its shell is gone", async () => {
  await using folder = new TempFolder();
  const stop = new AbortController();
  const script = `trap 'sleep 0.5; echo goodbye; exit 0' TERM
echo $$ > started
while :; do sleep 0.05; done`;
  await Deno.writeTextFile(`${folder.path}/slow.sh`, script);
  const running = run("sh slow.sh\necho never", { cwd: folder.path, signal: stop.signal });
  const pid = Number(await writtenText(`${folder.path}/started`));
  stop.abort(new Error("enough"));
  const { error, output } = await running;
  assert.equal(error, "enough");
  assert.match(output, /goodbye\n$/);
  await exited(pid, 2_000);
});

Deno.test("what a command leaves behind in its group ends with it", async () => {
  const { exitCode, output, durationMs } = await run(
    `sleep 100 & echo $!
     sh -c 'trap "" TERM HUP; sleep 100 & echo $!; while :; do sleep 100; done' & echo $!
     sleep 0.2; exit 0`,
  );
  assert.equal(exitCode, 0);
  assert.ok(durationMs < 10_000, `${durationMs} ms`);
  await allGone(pidsOf(output), 3);
});

Deno.test("a process that has left the group and holds the pipes is not waited for", async () => {
  await using folder = new TempFolder();
  const { exitCode, output, durationMs } = await run(
    `setsid sh -c 'echo $$ > escaped; exec sleep 60' &
     until [ -s escaped ]; do sleep 0.01; done; echo done`,
    { cwd: folder.path },
  );
  Deno.kill(Number(await writtenText(`${folder.path}/escaped`)), "SIGKILL");
  assert.deepEqual([exitCode, output], [0, "done\n"]);
  assert.ok(durationMs < 10_000, `${durationMs} ms`);
});

Deno.test("one that was aborted before it began does not begin", async () => {
  await using folder = new TempFolder();
  const signal = AbortSignal.abort(new Error("too late"));
  const { error } = await run("touch begun", { cwd: folder.path, signal });
  assert.equal(error, "too late");
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("a flood is cut, ends in time, and keeps nobody else waiting", async () => {
  let worstMs = 0;
  let last = performance.now();
  const pulse = setInterval(() => {
    const now = performance.now();
    worstMs = Math.max(worstMs, now - last - 5);
    last = now;
  }, 5);
  const before = Deno.memoryUsage().rss;
  const result = await run("yes 'a line of a gigabyte that nobody reads' & exec yes >&2", {
    timeoutMs: 1_500,
  });
  clearInterval(pulse);
  const grownMb = Math.round((Deno.memoryUsage().rss - before) / 1e6);
  console.log(`worst lag ${Math.round(worstMs)} ms, grown by ${grownMb} MB`);
  assert.equal(result.error, "it took longer than 1.5 seconds and was ended");
  assert.ok(result.durationMs < 10_000, `${result.durationMs} ms`);
  assert.ok(result.output.length < 17_000, `${result.output.length} characters`);
  const [, missing] = /\[(\d+) bytes are not kept\]/.exec(result.output)!;
  assert.ok(Number(missing) > 1_000_000, `only ${missing} bytes came`);
  assert.ok(worstMs < 1_000, `nothing else ran for ${worstMs} ms`);
  assert.ok(grownMb < 200, `grown by ${grownMb} MB`);
});
