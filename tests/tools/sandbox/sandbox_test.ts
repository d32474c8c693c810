import assert from "node:assert/strict";
import { runJavascript } from "../../../src/tools/builtin/javascript.ts";
import type { SandboxResult } from "../../../src/tools/sandbox/child.ts";
import {
  JavaScriptSandbox,
  type JavaScriptSandboxOptions,
} from "../../../src/tools/sandbox/sandbox.ts";
import { within } from "../../support/deadline.ts";
import { callTool } from "../call_tool.ts";

const entry = import.meta.resolve("../../../src/tools/sandbox/main.ts");

function run(code: string, options: JavaScriptSandboxOptions = {}): Promise<SandboxResult> {
  const { signal } = new AbortController();
  return new JavaScriptSandbox(options).run(code, { signal });
}

/** Runs each program in its own process and compares the results. */
async function assertResults(
  expected: Readonly<Record<string, Partial<SandboxResult>>>,
): Promise<void> {
  for (const [code, result] of Object.entries(expected)) {
    assert.deepEqual(await run(code), { logs: "", ...result }, code);
  }
}

Deno.test("the value of the last expression is returned; a promise is awaited", async () => {
  await assertResults({
    "1 + 1": { value: "2" },
    "let t = 0; for (let i = 0; i < 10; i++) t += i; t // the sum": { value: "45" },
    "const x = await Promise.resolve(5);\nx\n  * 2;": { value: "10" },
    "async function main() { return 3 }\nmain()": { value: "3" },
    "return 7": { value: "7" },
    "{ a: [1, new Map([[1, 2]])] }": { value: "{ a: [ 1, Map(1) { 1 => 2 } ] }" },
    "const s = `a\nb`;\ns": { value: "a\nb" },
    "const n = 1": {},
  });
});

Deno.test("extracting the value does not change the meaning of the code", async () => {
  await assertResults({
    "let a = 1\n+ 2": {},
    "f();\nfunction f() { console.log('f') }": { logs: "f" },
    "let n = 0\nwhile (n < 3)\n  n++\nconsole.log(n)": { logs: "3" },
  });
});

Deno.test("output of console and of standard output is returned with the value", async () => {
  const result = await run("console.log('a', { b: 1 }); console.error('c'); 5");
  assert.deepEqual(result, { logs: "a { b: 1 }\nc", value: "5" });
  const direct = await run("process.stdout.write('direct'); console.log('then'); 5");
  assert.deepEqual(direct, { logs: "direct\nthen", value: "5" });
});

Deno.test("errors are reported with their type and line", async () => {
  await assertResults({
    "const a = {};\na.b.c": {
      error: "TypeError: Cannot read properties of undefined (reading 'c') (line 2)",
    },
    "throw { a: 1 }": { error: "Thrown: { a: 1 }" },
    "throw new Proxy(new Error(), { get() { throw 1 } })": {
      error: "The code failed with an error that cannot be shown",
    },
    "Promise.reject(new Error('late')); await new Promise(() => {})": { error: "Error: late" },
  });
  assert.match((await run("foo(")).error!, /^SyntaxError: /);
  assert.match((await run("import fs from 'node:fs'")).error!, /^SyntaxError: Cannot use import/);
});

Deno.test("code that does not end is killed, and its output is returned", async () => {
  const limits = { timeoutMs: 200 };
  const error = "The code did not end within 0.2 seconds";
  const loop = await run("console.log('before'); while (true);", limits);
  assert.deepEqual(loop, { logs: "before", error });
  assert.deepEqual(await run("await new Promise(() => {})", limits), { logs: "", error });
  assert.deepEqual(await run("Deno.stdin.close(); while (true);", limits), { logs: "", error });
});

Deno.test("code that takes too much memory is killed", async () => {
  const programs = [
    "const a = []; while (true) a.push(new Array(1000).fill(1))",
    "new Uint8Array(4e9).fill(1).length",
    "const s = []; while (true) s.push('x'.repeat(1e6) + s.length)",
  ];
  for (const code of programs) {
    const { error } = await run(code, { memoryMb: 64 });
    assert.match(error!, /more than 64 MiB of memory/, code);
  }
});

Deno.test("long output and long values are cut off", async () => {
  const limits = { maxOutputChars: 100, timeoutMs: 200 };
  const flood = await run("while (true) console.log('flood')", limits);
  assert.match(flood.logs, /^(?:flood\n)+/);
  assert.ok(flood.logs.length < 200);
  const text = await run("'x'.repeat(1e6)", limits);
  assert.equal(text.value, `${"x".repeat(100)}… (cut off after 100 characters)`);
  const array = await run("Array.from({ length: 1e6 }, (_, i) => i)", limits);
  assert.match(array.value!, /cut off after 100 characters/);
  const direct = await run("while (true) Deno.stdout.writeSync(new Uint8Array(65536))");
  assert.deepEqual(direct, { logs: "", error: "The code printed too much" });
});

Deno.test("code that exits is reported as having no result", async () => {
  const error = "The code exited before it had a result";
  await assertResults({
    "Deno.exit(3)": { error },
    "process.exit(1)": { error },
    "self.close(); 5": { error },
  });
});

Deno.test("cancelling kills the code at once and throws the reason", async () => {
  const cancel = new AbortController();
  const sandbox = new JavaScriptSandbox({ timeoutMs: 60_000, concurrency: 1 });
  const cancelled = ["while (true);", "1"].map((code) =>
    assert.rejects(sandbox.run(code, cancel), /^Error: cancelled$/)
  );
  cancel.abort(new Error("cancelled"));
  await Promise.all(cancelled);
  const { signal } = new AbortController();
  assert.equal((await sandbox.run("1", { signal })).value, "1", "the slot is free again");
});

Deno.test("the process ends when the gateway dies, whatever the code does", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--unstable-worker-options", entry],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const code = "Deno.stdout.writeSync(new Uint8Array(1)); while (true);";
  const job = { code, timeoutMs: 60_000, memoryMb: 1000, maxOutputChars: 10, mark: "mark" };
  await input.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
  const output = child.stdout.getReader();
  await output.read();
  // The system closes the pipe when the gateway is killed.
  await input.close();
  const { code: exit } = await within(child.status, { what: "the end of the process" });
  assert.equal(exit, 1);
  await output.cancel();
});

Deno.test("if the process does not start, the error contains its output", async () => {
  const command = [Deno.execPath(), "run", "--quiet", "no_such_file.ts"];
  const { error } = await run("1", { command });
  assert.match(error!, /crashed: exit code 1: .*no_such_file/);
});

Deno.test("a process that never answers is killed", async () => {
  const limits = { startTimeoutMs: 50, timeoutMs: 50, command: ["/bin/sleep", "600"] };
  const { error } = await within(run("1", limits), { what: "the result" });
  assert.equal(error, "The code did not end within 0.05 seconds");
});

Deno.test("the tool returns value and output, and an error as an error", async () => {
  const tool = runJavascript(new JavaScriptSandbox());
  const call = (code: string) => callTool(tool, { code });
  assert.equal(await call("console.log('a'); 5"), "Printed:\na\n\nValue: 5");
  assert.equal(await call("let a"), "The code ran; it printed nothing and has no value.");
  assert.deepEqual(await call("console.log('a'); throw new Error('b')"), {
    content: "Error: b (line 1)\n\nPrinted:\na",
    isError: true,
  });
  assert.equal(tool.describe({ code: " 1\n + 1 " }), "Running JavaScript: 1 + 1");
});
