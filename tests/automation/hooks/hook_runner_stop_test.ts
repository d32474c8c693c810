/** The end of the hooks: those of the shutdown finish, the backlog is given up, nothing is left. */

import assert from "node:assert/strict";
import { within } from "../../support/deadline.ts";
import { Gate } from "../../support/gate.ts";
import { exited, isAlive } from "../../support/process/processes.ts";
import { writtenText } from "../../support/process/temp_folder.ts";
import { noting, RunnerPlace } from "./runner_place.ts";

/** Ignores TERM and never ends; says so in `file`. */
const stubborn = (file: string) => `trap "" TERM; echo $$ > ${file}; while :; do sleep 100; done`;

Deno.test("hooks of the shutdown run to their end, also those that must wait for each other", async () => {
  await using place = new RunnerPlace({ concurrentHooks: 1 });
  const action = place.command(`sleep 0.3; echo "$CLARA_REASON" >> log`);
  place.use(
    ...["a", "b", "c"].map((name) => ({ name, event: "gateway:shutdown", action }) as const),
  );
  place.shutDown();
  await place.runner.stop();
  assert.deepEqual(place.lines("log"), ["test", "test", "test"]);
  const runs = await place.store.runs.recent({ kind: "hook", limit: 10 });
  assert.deepEqual(runs.map(({ result }) => result?.exitCode), [0, 0, 0]);
});

Deno.test("what waited before the shutdown is given up, what runs may end", async () => {
  await using place = new RunnerPlace();
  const gate = new Gate();
  const hook = noting(gate.opened);
  place.use({ action: hook.action });
  for (const id of ["1", "2", "3"]) place.emit(id);
  place.shutDown();
  const stopped = place.runner.stop();
  assert.equal(place.runner.figures().queued, 1);
  gate.open();
  await stopped;
  assert.deepEqual(hook.ids(), ["1", "gateway:shutdown"]);
});

Deno.test("a hook that is far behind still hears of the shutdown", async () => {
  await using place = new RunnerPlace({ queuedHookEvents: 2, queuedChars: 100 });
  const gate = new Gate();
  const hook = noting(gate.opened);
  place.use({ action: hook.action });
  for (const id of ["1", "2", "3", "4"]) place.emit(id, "x".repeat(40));
  place.shutDown();
  const stopped = place.runner.stop();
  gate.open();
  await stopped;
  assert.deepEqual(hook.ids(), ["1", "gateway:shutdown"]);
});

Deno.test("older commands that hang are ended, and those of the shutdown still run", async () => {
  await using place = new RunnerPlace({ concurrentHooks: 2 });
  place.use(
    { name: "a", event: "message:received", action: place.command(stubborn("a")) },
    { name: "b", event: "message:received", action: place.command(stubborn("b")) },
    { name: "last", event: "gateway:shutdown", action: place.command("echo last > last") },
  );
  place.emit("1");
  const pids = await Promise.all(
    ["a", "b"].map(async (name) => Number(await writtenText(`${place.folder.path}/${name}`))),
  );
  place.shutDown();
  const startedAt = performance.now();
  await within(place.runner.stop(), { what: "the end of the hooks", timeoutMs: 15_000 });
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs >= 4_900, `ended after ${tookMs} ms`);
  assert.deepEqual(place.lines("last"), ["last"]);
  for (const pid of pids) await exited(pid, 1_000);
  const [run] = await place.runs("a", 1);
  assert.equal(run!.result!.error, "the gateway is stopping");
});

Deno.test("what comes after the shutdown has a moment, and is ended when it takes longer", async () => {
  await using place = new RunnerPlace();
  const quick = noting();
  place.use(
    { name: "quick", action: quick.action },
    { name: "slow", event: "adapter:disconnected", action: place.command(stubborn("slow")) },
  );
  place.shutDown();
  place.events.emit("adapter:disconnected", { node_id: "n", platform: "p", reason: "end" });
  const stopped = place.runner.stop();
  const pid = Number(await writtenText(`${place.folder.path}/slow`));
  await within(stopped, { what: "the end of the hooks", timeoutMs: 15_000 });
  assert.deepEqual(quick.ids(), ["gateway:shutdown", "adapter:disconnected"]);
  assert.equal(await isAlive(pid), false);
});

Deno.test("a hook of the shutdown that hangs has its own time and no more", async () => {
  await using place = new RunnerPlace();
  place.use({ event: "gateway:shutdown", timeoutMs: 500, action: place.command(stubborn("pid")) });
  place.shutDown();
  await within(place.runner.stop(), { what: "the end of the hooks" });
  const [run] = await place.runs("sample", 1);
  assert.equal(run!.result!.error, "it took longer than 0.5 seconds and was ended");
});

Deno.test("a gateway that did not come up ends its hooks without a shutdown", async () => {
  await using place = new RunnerPlace();
  const hook = noting();
  place.use({ action: hook.action });
  await within(place.runner.stop(), { what: "the end of the hooks", timeoutMs: 1_000 });
  place.emit("late");
  assert.deepEqual(hook.ids(), []);
  assert.equal(place.runner.figures().queued, 0);
});
