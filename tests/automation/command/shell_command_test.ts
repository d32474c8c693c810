/** Shell commands: timeout, limited output, no processes left behind. */
// Runs alone: it measures memory and delays of this process.

import assert from "node:assert/strict";
import {
  runShellCommand,
  type ShellCommandOptions,
  TruncatedOutput,
} from "../../../src/automation/command/shell_command.ts";
import { exited } from "../../support/process/processes.ts";
import { TempFolder, writtenText } from "../../support/process/temp_folder.ts";
import { lacks } from "../../support/process/programs.ts";

const env = { PATH: Deno.env.get("PATH") ?? "" };

/** Runs a command for at most 20 seconds. */
function run(command: string, options: Partial<ShellCommandOptions> = {}) {
  return runShellCommand({ command, cwd: "/", env, timeoutMs: 20_000, ...options });
}

/** Parses the process ids that a command printed, one per line. */
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

Deno.test("the result has the output and the exit code", async () => {
  const { exitCode, output, error, durationMs } = await run("echo out; echo err >&2");
  assert.deepEqual([exitCode, error], [0, undefined]);
  assert.deepEqual(output.split("\n").sort(), ["", "err", "out"]);
  assert.ok(durationMs >= 0 && durationMs < 20_000);
  const failed = await run("echo no; exit 3");
  assert.deepEqual(
    [failed.exitCode, failed.output, failed.error],
    [3, "no\n", "it exited with code 3"],
  );
  const missing = await run("no-such-command-anywhere");
  assert.equal(missing.exitCode, 127);
  assert.match(missing.output, /no-such-command-anywhere/);
});

Deno.test("the error names the signal that killed a command", async () => {
  const { exitCode, error } = await run("kill -KILL $$");
  assert.deepEqual([exitCode, error], [undefined, "it was killed by SIGKILL"]);
});

Deno.test("a command gets exactly the given environment", async () => {
  const { output } = await run("env", { env: { ...env, CLARA_X: "a b" } });
  const names = output.trim().split("\n").map((line) => line.replace(/=.*/, ""))
    .filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name));
  assert.deepEqual(names.sort(), ["CLARA_X", "PATH"]);
});

Deno.test("the whole input arrives, whatever its size", async () => {
  const input = "0123456789abcde\n".repeat(300_000);
  assert.equal((await run("wc -c", { input })).output.trim(), String(input.length));
  assert.equal((await run("cat", { input: "ü\0\n" })).output, "ü\0\n");
  assert.equal((await run("cat")).output, "");
});

Deno.test("a command need not read all of its input", async () => {
  const input = "x".repeat(5_000_000);
  for (const command of ["true", "head -c 3 >/dev/null", "exec <&-; true"]) {
    const { exitCode, error } = await run(command, { input });
    assert.deepEqual([exitCode, error], [0, undefined], command);
  }
});

Deno.test("a missing working directory is reported", async () => {
  const { exitCode, error, output } = await run("echo hi", { cwd: "/no/such/folder" });
  assert.deepEqual([exitCode, output], [undefined, ""]);
  assert.match(error!, /\/no\/such\/folder/);
});

Deno.test("long output is truncated in the middle", async () => {
  const { output, exitCode } = await run("seq 1 100000", { outputBytes: 1_000 });
  assert.equal(exitCode, 0);
  assert.match(output, /^1\n2\n3\n[^]*\n\[587895 bytes truncated\]\n[^]*99999\n100000\n$/);
  assert.ok(output.length < 1_100);
});

Deno.test("at the timeout the whole process group ends, even processes that ignore SIGTERM", async () => {
  const result = await run(
    `trap "" TERM; echo $$
     sleep 100 & echo $!
     sh -c 'trap "" TERM; sleep 100 & echo $!; echo $$; while :; do sleep 100; done' &
     while :; do sleep 100; done`,
    { timeoutMs: 2_000, graceMs: 300 },
  );
  assert.equal(result.error, "it took longer than 2 seconds and was killed");
  assert.equal(result.exitCode, undefined);
  assert.ok(result.durationMs >= 2_290 && result.durationMs < 10_000, `${result.durationMs} ms`);
  await allGone(pidsOf(result.output), 4);
});

Deno.test("a command may finish its work after SIGTERM", async () => {
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

Deno.test("processes of a command may finish after SIGTERM, even when its shell has ended", async () => {
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

Deno.test("processes left in the group are killed when the command ends", async () => {
  const { exitCode, output, durationMs } = await run(
    `sleep 100 & echo $!
     sh -c 'trap "" TERM HUP; sleep 100 & echo $!; while :; do sleep 100; done' & echo $!
     sleep 0.2; exit 0`,
  );
  assert.equal(exitCode, 0);
  assert.ok(durationMs < 10_000, `${durationMs} ms`);
  await allGone(pidsOf(output), 3);
});

Deno.test("a process outside the group that holds the pipes does not delay the result", {
  ignore: lacks("setsid"),
}, async () => {
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

Deno.test("a command aborted before its start does not start", async () => {
  await using folder = new TempFolder();
  const signal = AbortSignal.abort(new Error("too late"));
  const { error } = await run("touch begun", { cwd: folder.path, signal });
  assert.equal(error, "too late");
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("a flood of output is truncated, ends in time and does not block the gateway", async () => {
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
  assert.equal(result.error, "it took longer than 1.5 seconds and was killed");
  assert.ok(result.durationMs < 10_000, `${result.durationMs} ms`);
  assert.ok(result.output.length < 17_000, `${result.output.length} characters`);
  const [, missing] = /\[(\d+) bytes truncated\]/.exec(result.output)!;
  assert.ok(Number(missing) > 1_000_000, `only ${missing} bytes arrived`);
  assert.ok(worstMs < 1_000, `nothing else ran for ${worstMs} ms`);
  assert.ok(grownMb < 200, `grown by ${grownMb} MB`);
});

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Returns the text kept of these chunks. */
function truncated(maxBytes: number, chunks: readonly Uint8Array[]): string {
  const output = new TruncatedOutput(maxBytes);
  for (const chunk of chunks) output.add(chunk);
  return output.text();
}

Deno.test("output within the limit is kept unchanged", () => {
  assert.equal(truncated(10, []), "");
  assert.equal(truncated(10, [bytesOf("0123"), bytesOf(""), bytesOf("456789")]), "0123456789");
  assert.equal(truncated(10, [bytesOf("0123456789")]), "0123456789");
});

Deno.test("longer output keeps its beginning and end, and counts the rest", () => {
  const expected = "01234\n[3 bytes truncated]\n89abc";
  assert.equal(truncated(10, [bytesOf("0123456789abc")]), expected);
  assert.equal(truncated(10, [bytesOf("01"), bytesOf("23456789ab"), bytesOf("c")]), expected);
  const single = [..."0123456789abc"].map(bytesOf);
  assert.equal(truncated(10, single), expected);
});

Deno.test("the result does not depend on the chunks", () => {
  const all = bytesOf(Array.from({ length: 400 }, (_, index) => `line ${index} ü€😀`).join("\n"));
  const whole = truncated(1_000, [all]);
  for (const size of [1, 7, 64, 499, 500, 501, 1_001]) {
    const chunks = [];
    for (let at = 0; at < all.length; at += size) chunks.push(all.slice(at, at + size));
    assert.equal(truncated(1_000, chunks), whole, `in chunks of ${size}`);
  }
});

Deno.test("a character split between chunks or halves stays whole", () => {
  const bytes = bytesOf("a€😀b");
  for (let at = 0; at <= bytes.length; at++) {
    assert.equal(truncated(100, [bytes.slice(0, at), bytes.slice(at)]), "a€😀b", `split at ${at}`);
  }
  // The middle of the limit is inside a character, but nothing is missing.
  assert.equal(truncated(bytes.length + 1, [bytes]), "a€😀b");
});

Deno.test("a character at the cut is replaced, the others are kept", () => {
  const text = truncated(8, [bytesOf("€€€€€€")]);
  assert.match(text, /^€\ufffd+\n\[10 bytes truncated\]\n\ufffd+€$/);
});

Deno.test("invalid UTF-8 does not affect the rest", () => {
  assert.equal(truncated(100, [new Uint8Array([0xff, 0x41, 0xc3])]), "\ufffdA\ufffd");
});

Deno.test("the caller may reuse a chunk", () => {
  const output = new TruncatedOutput(8);
  const buffer = bytesOf("abcdefgh");
  output.add(buffer);
  buffer.fill(0x78);
  assert.equal(output.text(), "abcdefgh");
});
