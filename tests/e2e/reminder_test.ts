/** Reminders arrive exactly once, whatever happens in between. */

import assert from "node:assert/strict";
import { SqliteStore } from "../../src/store/sqlite/store.ts";
import { reminderOf } from "../store/conformance/reminders.ts";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText, textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { McpFolder, toolResults } from "../support/mcp/mcp_folder.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { historyRows } from "./history_rows.ts";
import {
  isReminder,
  proactiveFrames,
  requestReminder,
  scriptReminders,
} from "./reminder_script.ts";

const nodeId = "adapter-1";

Deno.test("a reminder arrives at its time, as one frame, once", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId });
  scriptReminders(gateway.llm, { seconds: 2 });
  const before = Date.now();
  const told = await requestReminder(adapter, { llm: gateway.llm, channel_type: "dm" });
  const [, id, at] = /^Reminder ([0-9a-f-]+) is set for (.*)\.$/.exec(told)!;
  assert.ok(Math.abs(Date.parse(at!) - before - 2000) < 1500, at);
  const { at: _, seq, ...frame } = await adapter.proactive();
  assert.ok(Date.now() >= Date.parse(at!), "not before its time");
  assert.equal(typeof seq, "number");
  const { request_id, ...rest } = frame;
  assert.ok(String(request_id).startsWith(`reminder-${id}`));
  assert.deepEqual(rest, {
    type: "proactive_message",
    user_id: "user-1",
    channel_id: "channel-1",
    content: "Time to stretch!",
    priority: "normal",
  });
  await gateway.allDelivered();
  await adapter.ping();
  assert.deepEqual(adapter.framesOf(String(request_id)).length, 1, "nothing before its end");
  const asked = gateway.llm.requests.find(({ body }) => isReminder(body))!;
  assert.match(lastText(asked.body), /The user set it on .*\nstretch$/);
  // It is part of the conversation.
  assert.equal(
    (await adapter.replyTo(adapter.say("Thanks", { channel_type: "dm" }))).text,
    "Thanks",
  );
  const known = gateway.llm.requests.at(-1)!.body.messages.map(textOf);
  assert.ok(known.includes("Time to stretch!"));
  assert.equal(gateway.llm.requests.filter(({ body }) => isReminder(body)).length, 1);
});

Deno.test("a reminder is reported as a task run, and its message as the task's", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId });
  scriptReminders(gateway.llm, { seconds: 1 });
  await requestReminder(adapter, { llm: gateway.llm });
  const requestId = String((await adapter.proactive()).request_id);
  const { data } = await gateway.waitFor("scheduler:task_run");
  assert.ok("task_type" in data && data.task_type === "reminder");
  const task_name = data.task_name;
  assert.match(task_name, /^reminder-/);
  assert.deepEqual([data.node_id, data.user_id, data.channel_id], [nodeId, "user-1", "channel-1"]);
  for (const name of ["message:received", "message:sent"] as const) {
    const { data } = await gateway.waitFor(name, { requestId });
    assert.ok("task_name" in data && data.task_name === task_name);
  }
});

Deno.test("a Python adapter receives a reminder in its own format", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId, dialect: "clara-py" });
  scriptReminders(gateway.llm, { seconds: 1 });
  await requestReminder(adapter, {
    llm: gateway.llm,
    user: { id: "discord-7", platform_id: "7", name: "ada", display_name: "Ada" },
    channel: { id: "c-1", type: "group", name: "tea", guild_id: "g-1", guild_name: "Guild" },
  });
  const { at: _, ...frame } = await adapter.proactive();
  assert.deepEqual(frame, {
    type: "proactive_message",
    user: { id: "discord-7", platform_id: "7", name: "Ada", display_name: "Ada" },
    channel: { id: "c-1", type: "group", name: "tea", guild_id: "g-1", guild_name: "Guild" },
    content: "Time to stretch!",
    priority: "normal",
  });
  await adapter.ping();
  assert.equal(proactiveFrames(adapter).length, 1);
});

for (const dialect of ["clara-1", "clara-py"] as const) {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    Deno.test(`a reminder survives ${signal} of the gateway (${dialect})`, async () => {
      await using llm = await LlmServer.start();
      await using folder = new TempFolder();
      scriptReminders(llm, { seconds: 2 });
      const start = () =>
        GatewayProcess.start({
          dataDir: folder.path,
          env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url },
        });
      await using ended = await start();
      const before = await AdapterClient.connect({ url: ended.url, nodeId, dialect });
      await requestReminder(before, { llm });
      await ended.kill(signal);
      await before.close();
      await using gateway = await start();
      await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId, dialect });
      assert.equal((await adapter.proactive()).content, "Time to stretch!");
      await adapter.ping();
      assert.equal(proactiveFrames(before, adapter).length, 1);
      assert.equal(llm.requests.filter(({ body }) => isReminder(body)).length, 1);
      await gateway.kill("SIGTERM");
      const lines = historyRows(folder.path).filter(([, text]) => text === "Time to stretch!");
      assert.deepEqual(lines, [["assistant", "Time to stretch!"]]);
    });
  }
}

Deno.test("a reminder that was due before the gateway started is queued once", async () => {
  await using gateway = await TestGateway.start();
  await gateway.stop();
  {
    await using store = SqliteStore.open(gateway.dataDir);
    await store.reminders.add(reminderOf("a"), { cap: 9 });
  }
  const gate = new Gate();
  await using llm = LlmServer.start({ script: () => ({ text: "Now!", gate: gate.opened }) });
  await gateway.restart({ llm: { baseUrl: llm.url } });
  await llm.request(0);
  const { queue } = await gateway.health();
  const { bytes: _, ...counts } = queue as Readonly<Record<string, number>>;
  assert.deepEqual(counts, { active: 1, queued: 0, channels: 1, held: 0 });
  gate.open();
  await using adapter = await gateway.connect({ nodeId: "node-1" });
  const { content, thread_id } = await adapter.proactive();
  assert.deepEqual([content, thread_id], ["Now!", "thread-1"]);
});

Deno.test("a reminder due while its adapter was away arrives when it returns", async () => {
  await using gateway = await TestGateway.start();
  const before = await gateway.connect({ nodeId });
  scriptReminders(gateway.llm, { seconds: 1 });
  await requestReminder(before, { llm: gateway.llm });
  await gateway.allDelivered();
  await before.close();
  const sent = await gateway.events.waitFor(({ name, data }) =>
    name === "message:sent" && data.task_name !== undefined
  );
  assert.ok("content" in sent.data && sent.data.content === "Time to stretch!");
  await using other = await gateway.connect({ nodeId: "adapter-2" });
  await other.ping();
  // It returns with another dialect, and receives the reminder in that.
  await using back = await gateway.connect({ nodeId, dialect: "clara-py" });
  assert.equal((await back.proactive()).content, "Time to stretch!");
  await gateway.allDelivered();
  await back.close();
  await using again = await gateway.connect({ nodeId });
  await again.ping();
  assert.equal(proactiveFrames(before, other, back, again).length, 1);
});

Deno.test("if the model fails, the reminder's own text arrives", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId });
  gateway.llm.when(isReminder, { status: 401 });
  scriptReminders(gateway.llm, { seconds: 1 });
  await requestReminder(adapter, { llm: gateway.llm });
  assert.equal((await adapter.proactive()).content, "⏰ stretch");
  await gateway.waitFor("message:error");
  await gateway.allDelivered();
  await adapter.ping();
  assert.equal(proactiveFrames(adapter).length, 1);
  assert.equal(adapter.frames.filter(({ type }) => type === "error").length, 0);
  assert.equal(historyRows(gateway.dataDir).at(-1)![1], "⏰ stretch");
});

Deno.test("reminders are listed and cancelled in the conversation", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId });
  scriptReminders(gateway.llm, { seconds: 1 });
  const told = await requestReminder(adapter, { llm: gateway.llm });
  const id = /^Reminder (\S+) /.exec(told)![1];
  gateway.llm.reply(
    { toolCalls: [{ name: "list_reminders", arguments: {} }] },
    { toolCalls: [{ name: "cancel_reminder", arguments: { id } }] },
    { toolCalls: [{ name: "list_reminders", arguments: {} }] },
    { text: "It is gone." },
  );
  assert.equal((await adapter.replyTo(adapter.say("Forget it"))).terminal.content, "It is gone.");
  const [listed, cancelled, empty] = toolResults(gateway.llm.requests.at(-1)!.body);
  assert.match(listed!, new RegExp(`^${id}: 20.* stretch$`));
  assert.equal(cancelled, `Reminder ${id} was cancelled.`);
  assert.equal(empty, "No reminders are set.");
  // A later one arrives; the cancelled one would have come first.
  await requestReminder(adapter, { llm: gateway.llm });
  await adapter.proactive();
  await adapter.ping();
  assert.equal(proactiveFrames(adapter).length, 1);
});

Deno.test("a reminder cannot set a reminder and never asks for approval", async () => {
  const rules = "rules:\n  - { action: ask, tools: current_time }\n";
  await using folder = new McpFolder({}, rules);
  await using gateway = await TestGateway.start({ config: folder.config });
  const capabilities = ["streaming", "approvals"];
  await using adapter = await gateway.connect({ nodeId, capabilities });
  const { llm } = gateway;
  llm.when((request) => isReminder(request) && request.messages.at(-1)!.role === "user", {
    toolCalls: [
      { name: "schedule_reminder", arguments: { text: "again", in_seconds: 1 } },
      { name: "current_time", arguments: {} },
    ],
  });
  llm.when(isReminder, { text: "Stretch." });
  scriptReminders(llm, { seconds: 1 });
  await requestReminder(adapter, { llm });
  assert.equal((await adapter.proactive()).content, "Stretch.");
  const [reminder, time] = toolResults(llm.requests.at(-1)!.body).slice(-2);
  assert.equal(reminder, "A reminder or task cannot set a reminder.");
  assert.match(time!, /was not run: it needs a person's approval, but no person sent this message/);
  await adapter.ping();
  assert.deepEqual(
    adapter.frames.filter(({ type }) => type === "approval_request" || type === "error"),
    [],
  );
  const shown = adapter.frames.filter(({ type }) => type === "tool_status");
  assert.ok(shown.every(({ request_id }) => !String(request_id).startsWith("reminder-")));
});

Deno.test("reminders can be denied like any tool", async () => {
  const rules = "rules:\n  - { action: deny, tools: schedule_reminder }\n";
  await using folder = new McpFolder({}, rules);
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect({ nodeId });
  gateway.llm.reply({
    toolCalls: [{ name: "schedule_reminder", arguments: { text: "x", in_seconds: 1 } }],
  }, { text: "I may not." });
  await adapter.replyTo(adapter.say("Remind me"));
  const { body } = gateway.llm.requests.at(-1)!;
  assert.match(toolResults(body)[0]!, /schedule_reminder/);
  const offered = gateway.llm.requests[0]!.body.tools!.map((tool) => tool.function.name);
  assert.ok(!offered.includes("schedule_reminder"));
  assert.ok(offered.includes("list_reminders"));
});
