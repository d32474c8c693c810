/** Hooks that run beside the gateway's work: order, limits, changes, failures. */

import assert from "node:assert/strict";
import { Gate } from "../../support/gate.ts";
import { noting, RunnerPlace } from "./runner_place.ts";
import { hookOf } from "./sample_hook.ts";

Deno.test("a hook handles its events one after the other, in their order", async () => {
  await using place = new RunnerPlace();
  place.use({
    action: place.command(
      `echo "begin $CLARA_REQUEST_ID" >> log
       [ "$CLARA_REQUEST_ID" = 0 ] && sleep 0.3
       echo "end $CLARA_REQUEST_ID" >> log`,
    ),
  });
  const ids = [0, 1, 2, 3, 4].map(String);
  ids.forEach((id) => place.emit(id));
  await place.runs("sample", 5);
  assert.deepEqual(place.lines("log"), ids.flatMap((id) => [`begin ${id}`, `end ${id}`]));
});

Deno.test("an event is emitted without waiting for any hook", async () => {
  await using place = new RunnerPlace();
  place.use({ action: place.command("sleep 0.2") });
  const startedAt = performance.now();
  for (let index = 0; index < 500; index++) place.emit(String(index));
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < 150, `${tookMs} ms`);
  assert.equal(place.runner.figures().queued, 499);
  place.use();
});

Deno.test("only so many commands run at once, functions beside them", async () => {
  await using place = new RunnerPlace({ concurrentHooks: 2 });
  const action = place.command(
    `echo begin >> log; until [ -e go ]; do sleep 0.01; done; echo end >> log`,
  );
  const names = [0, 1, 2, 3, 4].map((index) => `command ${index}`);
  place.use(
    ...names.map((name) => ({ name, action })),
    { name: "function", priority: -1, action: noting().action },
  );
  place.emit("1");
  await place.runs("function", 1);
  assert.equal(place.runner.figures().queued, 3);
  place.touch("go");
  await Promise.all(names.map((name) => place.runs(name, 1)));
  let running = 0;
  for (const line of place.lines("log")) {
    running += line === "begin" ? 1 : -1;
    assert.ok(running <= 2, place.lines("log").join(" "));
  }
  assert.equal(place.lines("log").length, 10);
});

Deno.test("among equals the higher priority goes first, an older event before a younger", async () => {
  await using place = new RunnerPlace({ concurrentHooks: 1 });
  const hook = (name: string, priority: number) => ({
    name,
    priority,
    action: place.command(`echo "$CLARA_REQUEST_ID $WHO" >> log`, { WHO: name }),
  });
  place.use(hook("low", -5), hook("first of its kind", 0), hook("high", 5), hook("second", 0));
  place.emit("1");
  place.emit("2");
  await place.runs("low", 2);
  const order = ["high", "first of its kind", "second", "low"];
  assert.deepEqual(place.lines("log"), [
    ...order.map((name) => `1 ${name}`),
    ...order.map((name) => `2 ${name}`),
  ]);
});

Deno.test("what a slow hook cannot keep up with is dropped and counted, others miss nothing", async () => {
  await using place = new RunnerPlace({ queuedHookEvents: 3 });
  const gate = new Gate();
  const slow = noting(gate.opened);
  const fast = noting();
  place.use({ name: "slow", action: slow.action }, { name: "fast", action: fast.action });
  for (let index = 0; index < 10; index++) {
    place.emit(String(index));
    await fast.got.waitFor((_, at) => at === index);
  }
  const [first] = place.runner.list();
  assert.deepEqual(
    [first!.hook.name, first!.queued, first!.running, first!.dropped],
    ["slow", 3, true, 6],
  );
  assert.equal(place.runner.figures().dropped, 6);
  gate.open();
  await slow.got.waitFor((_, at) => at === 3);
  await place.runs("slow", 4);
  assert.deepEqual(slow.ids(), ["0", "1", "2", "3"]);
  assert.equal(fast.ids().length, 10);
  place.emit("after");
  await slow.got.waitFor(({ request_id }) => request_id === "after");
  assert.equal(place.runner.list()[0]!.dropped, 6);
});

Deno.test("what waits is bounded in characters, too, over all hooks", async () => {
  await using place = new RunnerPlace({ queuedChars: 10_000 });
  const gate = new Gate();
  const hooks = [noting(gate.opened), noting(gate.opened)];
  place.use(...hooks.map(({ action }, index) => ({ name: `h${index}`, action })));
  for (let index = 0; index < 10; index++) place.emit(String(index), "x".repeat(2_000));
  const { queued, dropped } = place.runner.figures();
  assert.equal(queued, 4);
  assert.equal(dropped, 2 * 10 - 2 - 4);
  place.emit("small");
  assert.equal(place.runner.figures().queued, 6);
  gate.open();
  await Promise.all(hooks.map(({ got }) => got.waitFor((_, at) => at === 3)));
  await Promise.all([place.runs("h0", 4), place.runs("h1", 4)]);
  // All of the room is there again.
  const again = new Gate();
  place.use({ name: "next", action: noting(again.opened).action });
  for (let index = 0; index < 5; index++) place.emit(String(index), "x".repeat(2_000));
  assert.deepEqual(place.runner.figures(), { hooks: 1, queued: 4, running: 1, dropped: 0 });
  again.open();
});

Deno.test("long lists in an event count as what they are", async () => {
  await using place = new RunnerPlace({ queuedChars: 10_000 });
  const gate = new Gate();
  place.use({ action: noting(gate.opened).action });
  const capabilities = Array.from({ length: 1_000 }, () => "streaming");
  for (let index = 0; index < 5; index++) {
    place.events.emit("adapter:connected", {
      node_id: "n",
      platform: "test",
      capabilities,
      resumed: false,
    });
  }
  assert.deepEqual(place.runner.figures(), { hooks: 1, queued: 1, running: 1, dropped: 3 });
  gate.open();
});

Deno.test("a changed definition takes over what waits for the old one", async () => {
  await using place = new RunnerPlace();
  const gate = new Gate();
  const old = noting(gate.opened);
  place.use({ name: "kept", action: old.action }, { name: "goes", action: old.action });
  for (const id of ["1", "2", "3"]) place.emit(id);
  const fresh = noting();
  place.use({ name: "kept", action: fresh.action }, { name: "new", action: noting().action });
  assert.deepEqual(
    place.runner.list().map(({ hook, queued }) => [hook.name, queued]),
    [["kept", 2], ["new", 0]],
  );
  place.emit("4");
  gate.open();
  await fresh.got.waitFor((_, at) => at === 2);
  assert.deepEqual(fresh.ids(), ["2", "3", "4"]);
  assert.deepEqual(old.ids(), ["1", "1"]);
});

Deno.test("a hook that is switched off begins nothing more", async () => {
  await using place = new RunnerPlace();
  const gate = new Gate();
  const hook = noting(gate.opened);
  place.use({ action: hook.action });
  for (const id of ["1", "2", "3"]) place.emit(id);
  place.use({ action: hook.action, enabled: false });
  assert.equal(place.runner.figures().queued, 0);
  gate.open();
  await place.runs("sample", 1);
  place.emit("4");
  place.use({ action: hook.action });
  place.emit("5");
  await hook.got.waitFor(({ request_id }) => request_id === "5");
  assert.deepEqual(hook.ids(), ["1", "5"]);
});

Deno.test("a name that is another source's is refused, and nothing is changed", async () => {
  await using place = new RunnerPlace();
  const mine = noting();
  place.use({ name: "mine", action: mine.action });
  assert.throws(
    () => place.runner.replace("plugin.ts", [hookOf({ name: "b" }), hookOf({ name: "mine" })]),
    /There is a hook "mine" already, of hooks\.yaml/,
  );
  assert.deepEqual(place.runner.list().map(({ hook }) => hook.name), ["mine"]);
  place.runner.replace("plugin.ts", [hookOf({ name: "theirs" })]);
  place.use();
  assert.deepEqual(place.runner.list().map(({ hook }) => hook.name), ["theirs"]);
});

Deno.test("a hook's failure is told as an event, once, and goes not round in circles", async () => {
  await using place = new RunnerPlace();
  const failing = (WHO: string) =>
    place.command(`echo "$CLARA_EVENT_TYPE" >> "$WHO"; echo oh >&2; exit 3`, { WHO });
  for (const name of ["a", "b"]) place.touch(name);
  place.use(
    { name: "a", action: failing("a") },
    { name: "b", action: failing("b") },
  );
  place.emit("1");
  await Promise.all([place.runs("a", 2), place.runs("b", 2)]);
  await place.runner.stop();
  assert.deepEqual(place.lines("a"), ["message:received", "hook:error"]);
  assert.deepEqual(place.lines("b"), ["message:received", "hook:error"]);
  const errors = place.emitted.items.filter(({ name }) => name === "hook:error");
  assert.equal(errors.length, 2);
  const [first] = errors.map(({ data }) => data as unknown as Record<string, unknown>)
    .filter(({ hook_name }) => hook_name === "a");
  assert.ok(Number(first!.duration_ms) >= 0);
  assert.deepEqual({ ...first, duration_ms: 0 }, {
    node_id: "node-1",
    platform: "test",
    user_id: "user-1",
    channel_id: "channel-1",
    request_id: "1",
    hook_name: "a",
    failed_event: "message:received",
    duration_ms: 0,
    error: "it ended with exit code 3",
  });
});
