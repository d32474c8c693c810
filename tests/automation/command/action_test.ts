/** Calls of a plugin's function: results, errors, timeout. */

import assert from "node:assert/strict";
import { callFunction } from "../../../src/automation/command/action.ts";

const never = new AbortController().signal;

Deno.test("a function may be synchronous or asynchronous", async () => {
  for (const run of [() => 5, () => Promise.resolve("x"), async () => await Promise.resolve()]) {
    const { error, output, exitCode } = await callFunction(run, {
      timeoutMs: 10_000,
      signal: never,
    });
    assert.deepEqual([error, output, exitCode], [undefined, "", undefined]);
  }
});

Deno.test("whatever a function throws is reported", async () => {
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

Deno.test("a function that takes too long is aborted and no longer awaited", async () => {
  let reason: unknown;
  const { error, durationMs } = await callFunction((signal) => {
    signal.addEventListener("abort", () => reason = signal.reason);
    return new Promise(() => {});
  }, { timeoutMs: 50, signal: never });
  assert.equal(error, "it took longer than 0.05 seconds");
  assert.equal((reason as Error).message, error);
  assert.ok(durationMs >= 45 && durationMs < 5_000);
});

Deno.test("the caller's abort ends a call, even if it came before", async () => {
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
