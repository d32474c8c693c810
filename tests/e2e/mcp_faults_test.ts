/** Misbehaving MCP servers: the model is told, and other servers are not affected. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { within } from "../support/deadline.ts";
import { Gate } from "../support/gate.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { badServer, McpFolder, offeredTools, toolResults } from "../support/mcp/mcp_folder.ts";
import { exited, isAlive } from "../support/process/processes.ts";
import { TempFolder, writtenText } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

type Call = readonly [name: string, input?: object];

/** Makes the model call these tools in one round; returns the results it was shown. */
async function callTools(gateway: TestGateway, ...calls: readonly Call[]) {
  await using adapter = await gateway.connect();
  const from = gateway.llm.requests.length;
  gateway.llm.reply({
    toolCalls: calls.map(([name, input = {}]) => ({ name, arguments: input })),
  }, { text: "Done." });
  const { terminal } = await adapter.replyTo(adapter.say("Go"), { timeoutMs: 20_000 });
  assert.equal(terminal.content, "Done.");
  const { body } = await gateway.llm.request(from + 1);
  return { texts: toolResults(body), body };
}

Deno.test("if a server is killed during a call, the model is told and the next call works", async () => {
  await using folder = new McpFolder({ bad: badServer(), other: badServer() });
  await using gateway = await TestGateway.start({ config: folder.config });
  const before = await callTools(gateway, ["bad__pid"], ["other__pid"]);
  const { texts } = await callTools(
    gateway,
    ["bad__die"],
    ["other__echo", { text: "unharmed" }],
  );
  assert.match(texts[0]!, /MCP server "bad": it ended by SIGKILL/);
  assert.equal(texts[1], "Echo: unharmed");
  const after = await callTools(gateway, ["bad__pid"], ["other__pid"]);
  assert.notEqual(after.texts[0], before.texts[0]);
  assert.match(after.texts[0]!, /^\d+$/);
  assert.equal(after.texts[1], before.texts[1]);
});

Deno.test("servers that do not start do not affect the one that does", async () => {
  const hurried = { startTimeoutSeconds: 0.5 };
  await using folder = new McpFolder({
    silent: badServer("silent", hurried),
    unlisted: badServer("unlisted", hurried),
    crash: badServer("crash"),
    missing: { command: "no-such-command-anywhere" },
    nowhere: { command: Deno.execPath(), cwd: "/no/such/folder" },
    refused: { url: "http://127.0.0.1:9/mcp" },
    good: badServer("garbage"),
  });
  await using gateway = await TestGateway.start({ config: folder.config });
  const { texts } = await callTools(gateway, ["good__garbage"], ["good__echo", { text: "hi" }]);
  assert.deepEqual(texts, ["said", "Echo: hi"]);
  await using adapter = await gateway.connect();
  adapter.send({ type: "mcp_list", request_id: "l" });
  const { servers } = await adapter.waitFor(({ type }) => type === "mcp_list_response");
  const list = servers as readonly { name: string; last_error: string; status: string }[];
  const errors = Object.fromEntries(list.map(({ name, last_error }) => [name, last_error]));
  assert.match(errors.silent!, /did not answer within 0\.5 seconds/);
  // The start and the SDK's request have the same time-out; either may end first.
  assert.match(errors.unlisted!, /did not answer within 0\.5 seconds|timed out/i);
  assert.match(errors.crash!, /it ended with code 3; its last output:\n +cannot find my own feet/);
  assert.match(errors.missing!, /code 127.*no-such-command-anywhere/s);
  assert.match(errors.nowhere!, /no such/i);
  assert.ok(errors.refused);
  assert.equal(list.find(({ name }) => name === "good")!.status, "running");
});

Deno.test("a response of 100 MB terminates its server, which restarts, in bounded memory", async () => {
  await using folder = new McpFolder({ bad: badServer() });
  await using gateway = await TestGateway.start({ config: folder.config });
  await callTools(gateway, ["bad__pid"]);
  const before = Deno.memoryUsage().rss;
  const { texts } = await callTools(gateway, ["bad__big", { bytes: 100 << 20 }]);
  assert.match(texts[0]!, /it was ended because a message exceeded 8388608 bytes/);
  assert.ok(Deno.memoryUsage().rss - before < 80 << 20);
  assert.deepEqual((await callTools(gateway, ["bad__echo", { text: "again" }])).texts, [
    "Echo: again",
  ]);
});

Deno.test("tools changed by a call are in the model's next request", async () => {
  await using folder = new McpFolder({ bad: badServer() });
  await using gateway = await TestGateway.start({ config: folder.config });
  const { body } = await callTools(gateway, ["bad__change"]);
  assert.ok(offeredTools(body).includes("bad__added"));
  assert.ok(!offeredTools(body).includes("bad__echo"));
});

Deno.test("a tool that hangs times out, and a log flood blocks nobody", async () => {
  await using folder = new McpFolder({
    slow: badServer("good", { timeoutSeconds: 0.7 }),
    loud: badServer("good", { timeoutSeconds: 0.7 }),
  });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({
    toolCalls: [
      { name: "slow__hang", arguments: { file: folder.file("entered") } },
      { name: "loud__flood", arguments: {} },
      { name: "slow__fail", arguments: {} },
    ],
  });
  const id = adapter.say("Hang");
  await adapter.waitFor(({ status }) => status === "running");
  gateway.llm.reply({ text: "at once", gate: gate.opened });
  gate.open();
  const other = await adapter.replyTo(adapter.say("Meanwhile?", { channelId: "other" }));
  assert.equal(other.text, "at once");
  assert.ok(!adapter.framesOf(id).some(({ type }) => type === "response_end"));
  await adapter.replyTo(id);
  const texts = toolResults(gateway.llm.requests.at(-1)!.body);
  assert.match(texts[0]!, /"slow__hang" took longer than 0\.7 seconds/);
  assert.match(texts[1]!, /"loud__flood" took longer than 0\.7 seconds/);
  assert.match(texts[2]!, /it did not work/);
  assert.deepEqual((await callTools(gateway, ["slow__echo", { text: "on" }])).texts, ["Echo: on"]);
});

Deno.test("five calls, two of them failing, give five results in order and a reply", async () => {
  await using folder = new McpFolder({ one: badServer(), two: badServer() });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  const calls = [
    { id: "a", name: "one__echo", arguments: { text: "a" } },
    { id: "b", name: "two__fail", arguments: {} },
    { id: "c", name: "two__echo", arguments: { text: "c" } },
    { id: "d", name: "one__die", arguments: {} },
    { id: "e", name: "current_time", arguments: {} },
  ];
  gateway.llm.reply({ toolCalls: calls }, { text: "Three of five." });
  const { frames, terminal } = await adapter.replyTo(adapter.say("Go"));
  assert.equal(terminal.content, "Three of five.");
  assert.equal(terminal.tool_count, 5);
  const [, second] = gateway.llm.requests;
  const results = second!.body.messages.filter(({ role }) => role === "tool");
  assert.deepEqual(results.map(({ tool_call_id }) => tool_call_id), ["a", "b", "c", "d", "e"]);
  const statuses = new Map(
    frames.filter(({ type }) => type === "tool_status").map((
      { call_id, status },
    ) => [call_id, status]),
  );
  assert.deepEqual([...statuses].sort(), [
    ["a", "completed"],
    ["b", "failed"],
    ["c", "completed"],
    ["d", "failed"],
    ["e", "completed"],
  ]);
});

Deno.test("a cancel ends a call once, and the channel and the server go on", async () => {
  await using folder = new McpFolder({ bad: badServer() });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  const file = folder.file("entered");
  gateway.llm.reply({ toolCalls: [{ name: "bad__hang", arguments: { file } }] });
  const id = adapter.say("Hang");
  await writtenText(file);
  adapter.cancel(id);
  const { terminal } = await adapter.replyTo(id, { timeoutMs: 3_000 });
  assert.equal(terminal.type, "cancelled");
  await gateway.waitFor("tool:error", { requestId: id });
  gateway.llm.reply({ toolCalls: [{ name: "bad__echo", arguments: { text: "still here" } }] }, {
    text: "Yes.",
  });
  assert.equal((await adapter.replyTo(adapter.say("There?"))).text, "Yes.");
  assert.deepEqual(toolResults(gateway.llm.requests.at(-1)!.body), ["Echo: still here"]);
  assert.equal(adapter.framesOf(id).at(-1), terminal);
  assert.equal(adapter.framesOf(id).filter(({ type }) => type === "cancelled").length, 1);
});

Deno.test("a stop ends every server, even one that ignores it", async () => {
  await using folder = new McpFolder({
    good: badServer(),
    stubborn: badServer("stubborn"),
    escaping: badServer(),
  });
  const gateway = await TestGateway.start({ config: folder.config });
  const { texts } = await callTools(
    gateway,
    ["good__pid"],
    ["stubborn__pid"],
    ["escaping__pid"],
    ["escaping__escape"],
  );
  const pids = texts.map(Number);
  for (const pid of pids) assert.ok(await isAlive(pid));
  await gateway[Symbol.asyncDispose]();
  // It has left the process group, so the stop does not wait for it.
  Deno.kill(pids.pop()!, "SIGKILL");
  for (const pid of pids) await exited(pid, 1_000);
});

Deno.test("a stop does not wait for a server that is still starting", async () => {
  await using folder = new McpFolder({ silent: badServer("silent") });
  await using gateway = await TestGateway.start({ config: folder.config });
  await within(gateway.stop(), { timeoutMs: 5_000, what: "the end of the gateway" });
});

for (const mode of ["good", "stubborn"]) {
  Deno.test(`a ${mode} server does not outlive a killed gateway, and its call is not repeated`, async () => {
    await using folder = new McpFolder({ bad: badServer(mode) });
    await using llm = LlmServer.start();
    await using data = new TempFolder();
    const options = {
      dataDir: data.path,
      args: ["--mcp-config", folder.mcpFile],
      env: { OPENAI_API_KEY: "key", OPENAI_BASE_URL: llm.url },
    };
    const file = folder.file("entered");
    llm.reply(
      { toolCalls: [{ name: "bad__pid", arguments: {} }] },
      { text: "Now.", toolCalls: [{ name: "bad__hang", arguments: { file } }] },
    );
    await using killed = await GatewayProcess.start(options);
    const before = await AdapterClient.connect({ url: killed.url, nodeId: "n" });
    const id = before.say("Go");
    await writtenText(file);
    const [pid] = toolResults(llm.requests[1]!.body);
    await killed.kill();
    await before.close();
    await exited(Number(pid), 5_000);

    await using gateway = await GatewayProcess.start(options);
    llm.reply({ text: "It was cut off." });
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "n" });
    const { terminal } = await adapter.replyTo(id);
    assert.equal(terminal.content, "Now.\n\nIt was cut off.");
    assert.match(toolResults(llm.requests.at(-1)!.body)[1]!, /interrupted; its outcome is unknown/);
    assert.equal(Deno.readTextFileSync(file), "entered\n");
    await gateway.kill("SIGTERM");
  });
}
