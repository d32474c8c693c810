/** Stopping the hook runner: shutdown hooks finish, the backlog is dropped, no process is left. */

import assert from "node:assert/strict";
import { within } from "../../support/deadline.ts";
import { Gate } from "../../support/gate.ts";
import { exited, isAlive } from "../../support/process/processes.ts";
import { writtenText } from "../../support/process/temp_folder.ts";
import { HookRunnerFixture, recordingHook } from "./hook_runner_fixture.ts";

const drainMs = 300;

/** Ignores SIGTERM and never ends; writes its process id to `file`. */
const stubborn = (file: string) => `trap "" TERM; echo $$ > ${file}; while :; do sleep 100; done`;

Deno.test("shutdown hooks run to completion, even if they wait for each other", async () => {
  await using fixture = new HookRunnerFixture({ concurrentHooks: 1 });
  const action = fixture.command(`sleep 0.3; echo "$CLARA_REASON" >> log`);
  fixture.use(
    ...["a", "b", "c"].map((name) => ({ name, event: "gateway:shutdown", action }) as const),
  );
  fixture.shutDown();
  await fixture.runner.stop();
  assert.deepEqual(fixture.lines("log"), ["test", "test", "test"]);
  const runs = await fixture.store.runs.recent({ kind: "hook", limit: 10 });
  assert.deepEqual(runs.map(({ result }) => result?.exitCode), [0, 0, 0]);
});

Deno.test("events that waited before the shutdown are dropped, running hooks may finish", async () => {
  await using fixture = new HookRunnerFixture();
  const gate = new Gate();
  const hook = recordingHook(gate.opened);
  fixture.use({ action: hook.action });
  for (const id of ["1", "2", "3"]) fixture.emit(id);
  fixture.shutDown();
  const stopped = fixture.runner.stop();
  assert.equal(fixture.runner.figures().queued, 1);
  gate.open();
  await stopped;
  assert.deepEqual(hook.ids(), ["1", "gateway:shutdown"]);
});

Deno.test("a hook with a full queue still gets gateway:shutdown", async () => {
  await using fixture = new HookRunnerFixture({ queuedHookEvents: 2, queuedChars: 100 });
  const gate = new Gate();
  const hook = recordingHook(gate.opened);
  fixture.use({ action: hook.action });
  for (const id of ["1", "2", "3", "4"]) fixture.emit(id, "x".repeat(40));
  fixture.shutDown();
  const stopped = fixture.runner.stop();
  gate.open();
  await stopped;
  assert.deepEqual(hook.ids(), ["1", "gateway:shutdown"]);
});

Deno.test("older commands that hang are killed, and shutdown hooks still run", async () => {
  await using fixture = new HookRunnerFixture({ concurrentHooks: 2, drainMs });
  fixture.use(
    { name: "a", event: "message:received", action: fixture.command(stubborn("a")) },
    { name: "b", event: "message:received", action: fixture.command(stubborn("b")) },
    { name: "last", event: "gateway:shutdown", action: fixture.command("echo last > last") },
  );
  fixture.emit("1");
  const pids = await Promise.all(
    ["a", "b"].map(async (name) => Number(await writtenText(`${fixture.folder.path}/${name}`))),
  );
  fixture.shutDown();
  const startedAt = performance.now();
  await within(fixture.runner.stop(), { what: "the end of the hooks" });
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs >= drainMs - 10, `stopped after ${tookMs} ms`);
  assert.deepEqual(fixture.lines("last"), ["last"]);
  for (const pid of pids) await exited(pid, 1_000);
  const [run] = await fixture.runs("a", 1);
  assert.equal(run!.result!.error, "the gateway is stopping");
});

Deno.test("events after the shutdown are handled until the drain time is over", async () => {
  await using fixture = new HookRunnerFixture({ drainMs });
  const quick = recordingHook();
  fixture.use(
    { name: "quick", action: quick.action },
    { name: "slow", event: "adapter:disconnected", action: fixture.command(stubborn("slow")) },
  );
  fixture.shutDown();
  fixture.events.emit("adapter:disconnected", { node_id: "n", platform: "p", reason: "end" });
  const stopped = fixture.runner.stop();
  const pid = Number(await writtenText(`${fixture.folder.path}/slow`));
  await within(stopped, { what: "the end of the hooks" });
  assert.deepEqual(quick.ids(), ["gateway:shutdown", "adapter:disconnected"]);
  assert.equal(await isAlive(pid), false);
});

Deno.test("a shutdown hook that hangs is killed at its own timeout", async () => {
  await using fixture = new HookRunnerFixture();
  fixture.use({
    event: "gateway:shutdown",
    timeoutMs: 500,
    action: fixture.command(stubborn("pid")),
  });
  fixture.shutDown();
  await within(fixture.runner.stop(), { what: "the end of the hooks" });
  const [run] = await fixture.runs("sample", 1);
  assert.equal(run!.result!.error, "it took longer than 0.5 seconds and was killed");
});

Deno.test("the runner also stops without gateway:shutdown, if the gateway failed to start", async () => {
  await using fixture = new HookRunnerFixture();
  const hook = recordingHook();
  fixture.use({ action: hook.action });
  await within(fixture.runner.stop(), { what: "the end of the hooks", timeoutMs: 1_000 });
  fixture.emit("late");
  assert.deepEqual(hook.ids(), []);
  assert.equal(fixture.runner.figures().queued, 0);
});
