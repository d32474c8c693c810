/** A plugin's function, called within its time. */

import assert from "node:assert/strict";
import { callFunction } from "../../../src/automation/command/function_call.ts";

const never = new AbortController().signal;

Deno.test("a function's end is told, whether it is asynchronous or not", async () => {
  for (const run of [() => 5, () => Promise.resolve("x"), async () => await Promise.resolve()]) {
    const { error, output, exitCode } = await callFunction(run, {
      timeoutMs: 10_000,
      signal: never,
    });
    assert.deepEqual([error, output, exitCode], [undefined, "", undefined]);
  }
});

Deno.test("what a function throws is told, whatever it is", async () => {
  const thrown: readonly (readonly [() => unknown, RegExp])[] = [
    [() => {
      throw new Error("no luck");
    }, /no luck/],
    [() => Promise.reject("a text"), /a text/],
    [() => Promise.reject(undefined), /./],
  ];
  for (const [run, says] of thrown) {
    const { error } = await callFunction(run, { timeoutMs: 10_000, signal: never });
    assert.match(error!, says);
  }
});

Deno.test("one that takes too long is told to stop and waited for no longer", async () => {
  let reason: unknown;
  const { error, durationMs } = await callFunction((signal) => {
    signal.addEventListener("abort", () => reason = signal.reason);
    return new Promise(() => {});
  }, { timeoutMs: 50, signal: never });
  assert.equal(error, "it took longer than 0.05 seconds");
  assert.equal((reason as Error).message, error);
  assert.ok(durationMs >= 45 && durationMs < 5_000);
});

Deno.test("an abort from outside reaches the function, also one that came before", async () => {
  const stop = new AbortController();
  const running = callFunction(() => new Promise(() => {}), {
    timeoutMs: 10_000,
    signal: stop.signal,
  });
  stop.abort(new Error("enough"));
  assert.equal((await running).error, "enough");
  const late = await callFunction(() => new Promise(() => {}), {
    timeoutMs: 10_000,
    signal: stop.signal,
  });
  assert.equal(late.error, "enough");
});
