/** Plugins as documented, in TypeScript and JavaScript. */

import assert from "node:assert/strict";
import { askAdmin } from "../../support/admin_request.ts";
import { AdapterClient } from "../../support/adapter/client.ts";
import { GatewayProcess } from "../../support/process/gateway_process.ts";
import { offeredTools, toolResults } from "../../support/mcp/mcp_folder.ts";
import { PluginFolder } from "../../support/plugin_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

/** Like the example of docs/plugins.md. */
const example = `
export default function (gateway: Gateway) {
  gateway.hook("session:start", async (event) => { console.log(\`Session started for \${event.user_id}\`); });
  gateway.scheduled({ name: "hourly-cleanup", type: "interval", interval: 3600 }, async (task) => {
    console.log(\`Cleaning up: \${task.name}\`);
  });
  gateway.scheduled({ name: "daily-backup", type: "cron", cron: "0 3 * * *" }, async (task) => {
    console.log(\`Backing up: \${task.name}\`);
  });
  gateway.tool({
    name: "roll_die",
    description: "Rolls a die.",
    parameters: { type: "object", properties: { sides: { type: "integer", minimum: 2 } } },
    run: ({ sides = 6 }) => \`It shows one of \${sides}.\`,
  });
}
`;

for (const language of ["ts", "js"]) {
  Deno.test(`the documented example works as .${language}`, async () => {
    const text = language === "ts" ? example : example.replace(": Gateway", "");
    await using folder = new PluginFolder({ [`example.${language}`]: text });
    await using gateway = await GatewayProcess.start({ env: folder.env });
    await using adapter = await AdapterClient.connect({ url: gateway.url });
    await adapter.replyTo(adapter.say("Hello", { userId: "Ada" }));
    await gateway.waitForLog(/^Session started for Ada$/);
    for (const [name, says] of [["hourly-cleanup", "Cleaning"], ["daily-backup", "Backing"]]) {
      const { status, body } = await askAdmin(gateway, `/tasks/${name}/run`, { body: {} });
      assert.deepEqual([status, body.ok, body.error], [200, true, null]);
      await gateway.waitForLog(new RegExp(`^${says} up: ${name}$`));
    }
    const { tasks } = (await askAdmin(gateway, "/tasks")).body;
    assert.deepEqual(
      tasks!.map(({ name, schedule, action, source }) => [name, schedule, action, source]),
      [
        ["hourly-cleanup", "every 3600 s", "function", `example.${language}`],
        ["daily-backup", "0 3 * * *", "function", `example.${language}`],
      ],
    );
    assert.match(String(tasks![1]!.next_run), /T\d\d:\d\d:00\.000Z$/);
  });
}

Deno.test("a plugin's tool is offered, gets checked arguments, and its result reaches the model", async () => {
  await using folder = new PluginFolder({ "example.ts": example });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    {
      toolCalls: [
        { name: "roll_die", arguments: { sides: 20 } },
        { name: "roll_die", arguments: { sides: 1 } },
      ],
    },
    { text: "Seven." },
  );
  const { terminal } = await adapter.replyTo(adapter.say("Roll"));
  assert.equal(terminal.content, "Seven.");
  const [first, second] = gateway.llm.requests.map(({ body }) => body);
  const declared = first!.tools!.find((tool) => tool.function.name === "roll_die")!.function;
  assert.equal(declared.description, "Rolls a die.");
  assert.deepEqual(declared.parameters, {
    type: "object",
    properties: { sides: { type: "integer", minimum: 2 } },
  });
  const [good, bad] = toolResults(second!);
  assert.equal(good, "It shows one of 20.");
  assert.match(bad!, /^Cannot call "roll_die": "sides": .*2/);
  assert.ok(offeredTools(second!).includes("roll_die"));
});

Deno.test("a hook gets the whole event if its filter matches", async () => {
  await using folder = new PluginFolder({
    "listen.ts": `
      const tell = globalThis[import.meta.dirname];
      export default function (gateway: Gateway): void {
        gateway.hook("message:*", (event) => tell(event), { when: { channel: "room-*" } });
        gateway.hook("*", ({ type }) => { if (type === "gateway:shutdown") tell("the end"); });
      }`,
  });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect({ nodeId: "node-1", platform: "discord" });
  await adapter.replyTo(adapter.say("not for it", { channelId: "hall" }));
  const requestId = adapter.say("for it", { channelId: "room-1", userId: "Ada" });
  await adapter.replyTo(requestId);
  await gateway.stop();
  const [received, sent, ...rest] = folder.reports.items as Record<string, unknown>[];
  const who = {
    node_id: "node-1",
    platform: "discord",
    user_id: "Ada",
    channel_id: "room-1",
    request_id: requestId,
    task_name: null,
  };
  const { timestamp, ...event } = received!;
  assert.deepEqual(event, { type: "message:received", ...who, data: { content: "for it" } });
  assert.equal(new Date(timestamp as string).toISOString(), timestamp);
  assert.equal(sent!.type, "message:sent");
  const { duration_ms, ...data } = sent!.data as { readonly duration_ms: number };
  assert.ok(Number.isInteger(duration_ms));
  assert.deepEqual(data, { content: "for it", tool_count: 0 });
  assert.deepEqual(rest, ["the end"]);
});

Deno.test("tasks run at their fire times, and a one_shot once", async () => {
  await using folder = new PluginFolder({
    "tick.js": `
      const tell = globalThis[import.meta.dirname];
      export default (gateway) => {
        gateway.scheduled({ name: "tick", type: "interval", interval: 1 }, tell);
        gateway.scheduled({ name: "once", type: "one_shot", delay: 0.05 }, tell);
      };`,
  });
  await using gateway = await TestGateway.start({ llm: "echo", config: folder.config });
  const told = (name: string, from: number) =>
    folder.reports.waitFor((run) => (run as { name: string }).name === name, { from });
  const once = await told("once", 0) as { readonly fire_at: string };
  const first = await told("tick", 0) as { readonly fire_at: string; signal: AbortSignal };
  const at = folder.reports.items.indexOf(first) + 1;
  const second = await told("tick", at) as typeof first;
  assert.equal(Date.parse(second.fire_at) - Date.parse(first.fire_at), 1000);
  assert.ok(first.signal instanceof AbortSignal);
  assert.ok(Date.parse(once.fire_at) < Date.parse(first.fire_at));
  const ran = gateway.events.items.filter(({ name }) => name === "scheduler:task_run");
  assert.equal(
    ran.filter(({ data }) => (data as { task_name: string }).task_name === "once").length,
    1,
  );
  const { results } = (await askAdmin(gateway, "/tasks/results?name=once")).body;
  assert.deepEqual(results!.map(({ ok, trigger }) => [ok, trigger]), [[true, once.fire_at]]);
});

Deno.test("what a plugin registers after loading becomes active", async () => {
  await using folder = new PluginFolder({
    "late.js": `
      const tell = globalThis[import.meta.dirname];
      export default (gateway) => {
        gateway.hook("message:sent", () => {
          gateway.hook("message:received", ({ data }) => tell(data.content), { name: "second" });
          gateway.tool({ name: "late_tool", description: "Came late", run: () => "at last" });
        }, { name: "first" });
      };`,
  });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("one"));
  const names = async () => (await askAdmin(gateway, "/hooks")).body.hooks!.map(({ name }) => name);
  while (!(await names()).includes("second"));
  gateway.llm.reply({ toolCalls: [{ name: "late_tool", arguments: {} }] });
  await adapter.replyTo(adapter.say("two"));
  await folder.reports.waitFor((content) => content === "two");
  assert.deepEqual(toolResults(gateway.llm.requests.at(-1)!.body), ["at last"]);
});
