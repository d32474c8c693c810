/** The hook runner: order, limits, changed definitions, failures. */

import assert from "node:assert/strict";
import { Gate } from "../../support/gate.ts";
import { HookRunnerFixture, recordingHook } from "./hook_runner_fixture.ts";
import { hookOf } from "./sample_hook.ts";

Deno.test("a hook handles its events in order, one at a time", async () => {
  await using fixture = new HookRunnerFixture();
  fixture.use({
    action: fixture.command(
      `echo "begin $CLARA_REQUEST_ID" >> log
       [ "$CLARA_REQUEST_ID" = 0 ] && sleep 0.3
       echo "end $CLARA_REQUEST_ID" >> log`,
    ),
  });
  const ids = [0, 1, 2, 3, 4].map(String);
  ids.forEach((id) => fixture.emit(id));
  await fixture.runs("sample", 5);
  assert.deepEqual(fixture.lines("log"), ids.flatMap((id) => [`begin ${id}`, `end ${id}`]));
});

Deno.test("emitting an event does not wait for hooks", async () => {
  await using fixture = new HookRunnerFixture();
  fixture.use({ action: fixture.command("sleep 0.2") });
  const startedAt = performance.now();
  for (let index = 0; index < 500; index++) fixture.emit(String(index));
  const tookMs = performance.now() - startedAt;
  assert.ok(tookMs < 150, `${tookMs} ms`);
  assert.equal(fixture.runner.figures().queued, 499);
  fixture.use();
});

Deno.test("the number of commands that run at once is limited, that of functions is not", async () => {
  await using fixture = new HookRunnerFixture({ concurrentHooks: 2 });
  const action = fixture.command(
    `echo begin >> log; until [ -e go ]; do sleep 0.01; done; echo end >> log`,
  );
  const names = [0, 1, 2, 3, 4].map((index) => `command ${index}`);
  fixture.use(
    ...names.map((name) => ({ name, action })),
    { name: "function", priority: -1, action: recordingHook().action },
  );
  fixture.emit("1");
  await fixture.runs("function", 1);
  assert.equal(fixture.runner.figures().queued, 3);
  fixture.touch("go");
  await Promise.all(names.map((name) => fixture.runs(name, 1)));
  let running = 0;
  for (const line of fixture.lines("log")) {
    running += line === "begin" ? 1 : -1;
    assert.ok(running <= 2, fixture.lines("log").join(" "));
  }
  assert.equal(fixture.lines("log").length, 10);
});

Deno.test("hooks run by age of their event, then by priority", async () => {
  await using fixture = new HookRunnerFixture({ concurrentHooks: 1 });
  const hook = (name: string, priority: number) => ({
    name,
    priority,
    action: fixture.command(`echo "$CLARA_REQUEST_ID $WHO" >> log`, { WHO: name }),
  });
  fixture.use(hook("low", -5), hook("first of its kind", 0), hook("high", 5), hook("second", 0));
  fixture.emit("1");
  fixture.emit("2");
  await fixture.runs("low", 2);
  const order = ["high", "first of its kind", "second", "low"];
  assert.deepEqual(fixture.lines("log"), [
    ...order.map((name) => `1 ${name}`),
    ...order.map((name) => `2 ${name}`),
  ]);
});

Deno.test("events for a hook that is too slow are dropped and counted, other hooks miss nothing", async () => {
  await using fixture = new HookRunnerFixture({ queuedHookEvents: 3 });
  const gate = new Gate();
  const slow = recordingHook(gate.opened);
  const fast = recordingHook();
  fixture.use({ name: "slow", action: slow.action }, { name: "fast", action: fast.action });
  for (let index = 0; index < 10; index++) {
    fixture.emit(String(index));
    await fast.got.waitFor((_, at) => at === index);
  }
  const [first] = fixture.runner.list();
  assert.deepEqual(
    [first!.hook.name, first!.queued, first!.running, first!.dropped],
    ["slow", 3, true, 6],
  );
  assert.equal(fixture.runner.figures().dropped, 6);
  gate.open();
  await slow.got.waitFor((_, at) => at === 3);
  await fixture.runs("slow", 4);
  assert.deepEqual(slow.ids(), ["0", "1", "2", "3"]);
  assert.equal(fast.ids().length, 10);
  fixture.emit("after");
  await slow.got.waitFor(({ request_id }) => request_id === "after");
  assert.equal(fixture.runner.list()[0]!.dropped, 6);
});

Deno.test("the characters of all waiting events are limited", async () => {
  await using fixture = new HookRunnerFixture({ queuedChars: 10_000 });
  const gate = new Gate();
  const hooks = [recordingHook(gate.opened), recordingHook(gate.opened)];
  fixture.use(...hooks.map(({ action }, index) => ({ name: `h${index}`, action })));
  for (let index = 0; index < 10; index++) fixture.emit(String(index), "x".repeat(2_000));
  const { queued, dropped } = fixture.runner.figures();
  assert.equal(queued, 4);
  assert.equal(dropped, 2 * 10 - 2 - 4);
  fixture.emit("small");
  assert.equal(fixture.runner.figures().queued, 6);
  gate.open();
  await Promise.all(hooks.map(({ got }) => got.waitFor((_, at) => at === 3)));
  await Promise.all([fixture.runs("h0", 4), fixture.runs("h1", 4)]);
  // The limit is fully available again.
  const again = new Gate();
  fixture.use({ name: "next", action: recordingHook(again.opened).action });
  for (let index = 0; index < 5; index++) fixture.emit(String(index), "x".repeat(2_000));
  assert.deepEqual(fixture.runner.figures(), { hooks: 1, queued: 4, running: 1, dropped: 0 });
  again.open();
});

Deno.test("texts in lists count towards the limit of characters", async () => {
  await using fixture = new HookRunnerFixture({ queuedChars: 10_000 });
  const gate = new Gate();
  fixture.use({ action: recordingHook(gate.opened).action });
  const capabilities = Array.from({ length: 1_000 }, () => "streaming");
  for (let index = 0; index < 5; index++) {
    fixture.events.emit("adapter:connected", {
      node_id: "n",
      platform: "test",
      capabilities,
      resumed: false,
    });
  }
  assert.deepEqual(fixture.runner.figures(), { hooks: 1, queued: 1, running: 1, dropped: 3 });
  gate.open();
});

Deno.test("a changed definition keeps the waiting events", async () => {
  await using fixture = new HookRunnerFixture();
  const gate = new Gate();
  const old = recordingHook(gate.opened);
  fixture.use({ name: "kept", action: old.action }, { name: "goes", action: old.action });
  for (const id of ["1", "2", "3"]) fixture.emit(id);
  const fresh = recordingHook();
  fixture.use({ name: "kept", action: fresh.action }, {
    name: "new",
    action: recordingHook().action,
  });
  assert.deepEqual(
    fixture.runner.list().map(({ hook, queued }) => [hook.name, queued]),
    [["kept", 2], ["new", 0]],
  );
  fixture.emit("4");
  gate.open();
  await fresh.got.waitFor((_, at) => at === 2);
  assert.deepEqual(fresh.ids(), ["2", "3", "4"]);
  assert.deepEqual(old.ids(), ["1", "1"]);
});

Deno.test("a disabled hook drops its waiting events", async () => {
  await using fixture = new HookRunnerFixture();
  const gate = new Gate();
  const hook = recordingHook(gate.opened);
  fixture.use({ action: hook.action });
  for (const id of ["1", "2", "3"]) fixture.emit(id);
  fixture.use({ action: hook.action, enabled: false });
  assert.equal(fixture.runner.figures().queued, 0);
  gate.open();
  await fixture.runs("sample", 1);
  fixture.emit("4");
  fixture.use({ action: hook.action });
  fixture.emit("5");
  await hook.got.waitFor(({ request_id }) => request_id === "5");
  assert.deepEqual(hook.ids(), ["1", "5"]);
});

Deno.test("a name of another source is rejected, and nothing changes", async () => {
  await using fixture = new HookRunnerFixture();
  const mine = recordingHook();
  fixture.use({ name: "mine", action: mine.action });
  assert.throws(
    () => fixture.runner.replace("plugin.ts", [hookOf({ name: "b" }), hookOf({ name: "mine" })]),
    /There is already a hook "mine" from hooks\.yaml/,
  );
  assert.deepEqual(fixture.runner.list().map(({ hook }) => hook.name), ["mine"]);
  fixture.runner.replace("plugin.ts", [hookOf({ name: "theirs" })]);
  fixture.use();
  assert.deepEqual(fixture.runner.list().map(({ hook }) => hook.name), ["theirs"]);
});

Deno.test("a failing hook emits hook:error once, and hook:error hooks cannot loop", async () => {
  await using fixture = new HookRunnerFixture();
  const failing = (WHO: string) =>
    fixture.command(`echo "$CLARA_EVENT_TYPE" >> "$WHO"; echo oh >&2; exit 3`, { WHO });
  for (const name of ["a", "b"]) fixture.touch(name);
  fixture.use(
    { name: "a", action: failing("a") },
    { name: "b", action: failing("b") },
  );
  fixture.emit("1");
  await Promise.all([fixture.runs("a", 2), fixture.runs("b", 2)]);
  await fixture.runner.stop();
  assert.deepEqual(fixture.lines("a"), ["message:received", "hook:error"]);
  assert.deepEqual(fixture.lines("b"), ["message:received", "hook:error"]);
  const errors = fixture.emitted.items.filter(({ name }) => name === "hook:error");
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
    error: "it exited with code 3",
  });
});
