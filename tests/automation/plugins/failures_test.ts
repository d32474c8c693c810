/** Failures of hooks, tasks and tools of plugins: reported, without effect on others. */

import assert from "node:assert/strict";
import { askAdmin } from "../../support/admin_request.ts";
import { offeredTools, toolResults } from "../../support/mcp/mcp_folder.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const tell = "const tell = globalThis[import.meta.dirname];";

Deno.test("a hook that throws, rejects or hangs emits hook:error, and other hooks still run", async () => {
  await using folder = new PluginFolder({
    "bad.js": `${tell}
      export default (gateway) => {
        const hook = (name, handler, options) =>
          gateway.hook("message:sent", handler, { name, priority: 1, ...options });
        hook("throws", () => { throw new Error("at once"); });
        hook("rejects", async () => { throw new Error("later"); });
        hook("odd", () => { throw Object.create(null); });
        hook("hangs", (_, { signal }) => new Promise(() => {
          signal.addEventListener("abort", () => tell(signal.reason.message));
        }), { timeout: 0.05 });
      };`,
    "good.js": `${tell}
      export default (gateway) => {
        gateway.hook("message:sent", ({ data }) => tell(data.content));
        gateway.hook("hook:error", ({ data }) => tell(data));
        gateway.hook("*:error", () => { throw new Error("over and over"); }, { name: "round" });
      };`,
  });
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("one"));
  await adapter.replyTo(adapter.say("two"));
  await folder.reports.waitFor((what) => what === "two");
  const late = "it took longer than 0.05 seconds";
  const errors: readonly [name: string, error: string][] = [
    ["throws", "at once"],
    ["rejects", "later"],
    ["odd", "a value without text was thrown"],
    ["hangs", late],
  ];
  const failures = (wanted: string) =>
    (folder.reports.items as { readonly hook_name?: string }[])
      .filter(({ hook_name }) => hook_name === wanted);
  for (const [name, error] of errors) {
    await folder.reports.waitFor(() => failures(name).length === 2);
    for (const { duration_ms: _, ...data } of failures(name) as Record<string, unknown>[]) {
      assert.deepEqual(data, { hook_name: name, failed_event: "message:sent", error });
    }
  }
  await folder.reports.waitFor((what) => what === late);
  await gateway.stop();
  // A failure while handling hook:error is not reported, which prevents loops.
  const told = gateway.events.items.filter(({ name }) => name === "hook:error");
  assert.equal(told.length, 2 * errors.length);
  await gateway.restart();
  const { results } = (await askAdmin(gateway, "/hooks/results?name=hangs")).body;
  assert.deepEqual(
    results!.map(({ ok, error, trigger }) => [ok, error, trigger]),
    [[false, late, "message:sent"], [false, late, "message:sent"]],
  );
});

Deno.test("a task that throws or hangs emits scheduler:task_error", async () => {
  await using folder = new PluginFolder({
    "bad.js": `
      const later = { type: "one_shot", delay: 3600 };
      export default (gateway) => {
        gateway.scheduled({ name: "throws", ...later }, () => { throw new Error("no"); });
        gateway.scheduled({ name: "hangs", ...later, timeout: 0.05 }, () => new Promise(() => {}));
      };`,
  });
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  const wanted = { throws: "no", hangs: "it took longer than 0.05 seconds" };
  for (const [name, error] of Object.entries(wanted)) {
    const { body } = await askAdmin(gateway, `/tasks/${name}/run`, { body: {} });
    assert.deepEqual([body.ok, body.error, body.exit_code], [false, error, null]);
  }
  const told = gateway.events.items.filter(({ name }) => name === "scheduler:task_error");
  assert.deepEqual(
    told.map(({ data }) => {
      const { task_name, task_type, error } = data as Record<string, unknown>;
      return [task_name, task_type, error];
    }),
    Object.entries(wanted).map(([name, error]) => [name, "one_shot", error]),
  );
});

/** Implementations of a tool, and what the model gets. */
const outcomes: Readonly<Record<string, readonly [run: string, told: string | RegExp]>> = {
  text: ["() => 'plain'", "plain"],
  json: ["async () => ({ a: [1, null] })", '{"a":[1,null]}'],
  nothing: ["() => {}", "null"],
  a_function: ["() => () => 1", "null"],
  throws: ["() => { throw new Error('went wrong'); }", "went wrong"],
  rejects: ["async () => { throw 'a mere text'; }", "a mere text"],
  odd: ["() => { throw Object.create(null); }", "a value without text was thrown"],
  cycle: ["() => { const a = {}; a.a = a; return a; }", /circular/i],
  big_number: ["() => 1n", /BigInt/],
  hangs: ["() => new Promise(() => {})", '"hangs" took longer than 0.05 seconds and was ended.'],
};

Deno.test("whatever a tool returns or throws reaches the model, and the turn continues", async () => {
  const tools = Object.entries(outcomes).map(([name, [run]]) =>
    `gateway.tool({ name: "${name}", description: "D", timeout: 0.05, run: ${run} });`
  );
  await using folder = new PluginFolder({
    "tools.js": `export default (gateway) => { ${tools.join("\n")} };`,
  });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  const toolCalls = Object.keys(outcomes).map((name) => ({ name, arguments: {} }));
  gateway.llm.reply({ toolCalls }, { text: "Well." });
  const { terminal } = await adapter.replyTo(adapter.say("All of them"));
  assert.equal(terminal.content, "Well.");
  const told = toolResults(gateway.llm.requests[1]!.body);
  Object.values(outcomes).forEach(([, wanted], index) => {
    if (typeof wanted === "string") assert.equal(told[index], wanted);
    else assert.match(told[index]!, wanted);
  });
});

Deno.test("the policy applies to plugin tools, which get their caller and a signal", async () => {
  await using folder = new PluginFolder({
    "tools.js": `${tell}
      export default (gateway) => {
        const tool = (name, risk, run) => gateway.tool({ name, description: "D", risk, run });
        tool("looks", "read", (args, context) => { tell({ args, ...context }); return "seen"; });
        tool("writes", "write", () => tell("must not run"));
        tool("asks", "network", () => tell("must not run"));
        tool("waits", undefined, (args, { signal }) => new Promise((_, reject) => {
          tell("waiting");
          signal.addEventListener("abort", () => { tell("stopped"); reject(signal.reason); });
        }));
      };`,
    "tools.yaml": "rules: [{ action: allow, tools: asks, user: boss }]",
  });
  const config = { ...folder.config, toolsFile: folder.file("tools.yaml") };
  await using gateway = await TestGateway.start({ config });
  await using adapter = await gateway.connect({ platform: "discord" });
  gateway.llm.reply({
    toolCalls: ["looks", "writes", "asks"].map((name) => ({ name, arguments: { more: 1 } })),
  }, { text: "Done." });
  const requestId = adapter.say("Look");
  await adapter.replyTo(requestId);
  const [first, second] = gateway.llm.requests.map(({ body }) => body);
  const mine = offeredTools(first!).filter((name) => ["looks", "writes", "asks"].includes(name));
  assert.deepEqual(mine, ["looks"]);
  assert.deepEqual(toolResults(second!), [
    "seen",
    'There is no tool "writes".',
    'There is no tool "asks".',
  ]);
  const { signal, ...context } = folder.reports.items[0] as { readonly signal: AbortSignal };
  assert.deepEqual(context, {
    args: { more: 1 },
    platform: "discord",
    user_id: "user-1",
    channel_id: "channel-1",
    request_id: requestId,
  });
  assert.equal(signal.aborted, false);

  await adapter.replyTo(adapter.say("And the boss?", { userId: "boss" }));
  assert.ok(offeredTools(gateway.llm.requests.at(-1)!.body).includes("asks"));

  gateway.llm.reply({ toolCalls: [{ name: "waits", arguments: {} }] });
  const waiting = adapter.say("Wait");
  await folder.reports.waitFor((what) => what === "waiting");
  adapter.cancel(waiting);
  assert.equal((await adapter.replyTo(waiting)).terminal.type, "cancelled");
  await folder.reports.waitFor((what) => what === "stopped");
  assert.ok(!folder.reports.items.includes("must not run"));
});
