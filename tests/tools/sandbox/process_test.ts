import assert from "node:assert/strict";
import { SandboxProcess } from "../../../src/tools/sandbox/process.ts";

const job = { code: "", timeoutMs: 1, memoryMb: 1, maxOutputChars: 1, mark: "" };

function evaluate(code: string): SandboxProcess {
  const command = [Deno.execPath(), "eval", "--quiet", "--no-config", code];
  return new SandboxProcess(command, { maxOutputBytes: 100_000 });
}

Deno.test("a process that hangs is killed on abort", async () => {
  await using process = evaluate("while (true);");
  const cancel = new AbortController();
  const ending = process.run(job, cancel);
  cancel.abort();
  const { type, status } = await ending;
  assert.deepEqual([type, status], ["aborted", "signal SIGKILL"]);
});

Deno.test("a process is killed with everything it started", async () => {
  const code = `new Deno.Command("/bin/sleep", { args: ["600"] }).spawn(); console.log("started");
    const flood = new Uint8Array(65536); while (true) Deno.stdout.writeSync(flood)`;
  await using process = evaluate(code);
  // The other process keeps standard error open, so this resolves only after both have ended.
  const { type, output } = await process.run(job, new AbortController());
  assert.equal(type, "overflow");
  assert.match(output, /^started/);
});

Deno.test("a process does not inherit the gateway's environment", async () => {
  Deno.env.set("CLARA_SANDBOX_TEST", "secret");
  try {
    await using process = evaluate("console.log(JSON.stringify(Deno.env.toObject()), Deno.cwd())");
    const { output, status } = await process.run(job, new AbortController());
    assert.equal(status, "exit code 0");
    assert.doesNotMatch(output, /secret/);
    assert.match(output, / \/\n$/);
  } finally {
    Deno.env.delete("CLARA_SANDBOX_TEST");
  }
});
