/** Tools restricted by the policy of `tools.yaml`, and approvals by people. */

import assert from "node:assert/strict";
import { ConfigError } from "../../src/lib/config_error.ts";
import type { AdapterClient } from "../support/adapter/client.ts";
import { badServer, McpFolder, offeredTools, toolResults } from "../support/mcp/mcp_folder.ts";
import type { ReceivedFrame } from "../support/adapter/received_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";

const askForTime = "rules:\n  - { action: ask, tools: current_time }\n";
const approvals = { capabilities: ["streaming", "approvals"] };
const call = { toolCalls: [{ id: "t", name: "current_time", arguments: {} }] };

/** Makes the model call the tool that needs approval; returns the approval request. */
async function ask(gateway: TestGateway, adapter: AdapterClient) {
  gateway.llm.reply(call, { text: "Well." });
  const id = adapter.say("Time?");
  const question = await questionOf(adapter);
  return { id, question };
}

function questionOf(adapter: AdapterClient): Promise<ReceivedFrame> {
  return adapter.waitFor(({ type }) => type === "approval_request", {
    what: "an approval request",
  });
}

function answer(adapter: AdapterClient, question: ReceivedFrame, approved: boolean): void {
  adapter.send({ type: "approval_response", approval_id: question.approval_id, approved });
}

async function toolResultOf(gateway: TestGateway): Promise<string> {
  const { body } = await gateway.llm.request(1);
  return toolResults(body)[0]!;
}

for (const approved of [true, false]) {
  const what = approved ? "runs when a person agrees" : "does not run when a person declines";
  Deno.test(`a tool that needs approval ${what}`, async () => {
    await using folder = new McpFolder({}, askForTime);
    await using gateway = await TestGateway.start({ config: folder.config });
    await using adapter = await gateway.connect(approvals);
    const { id, question } = await ask(gateway, adapter);
    assert.equal(question.request_id, id);
    assert.equal(question.tool_name, "current_time");
    assert.equal(question.description, "Checking the time");
    assert.equal(question.arguments, "{}");
    assert.ok(Date.parse(String(question.expires_at)) > Date.now());
    answer(adapter, question, approved);
    const { frames, terminal } = await adapter.replyTo(id);
    assert.equal(terminal.content, "Well.");
    const result = await toolResultOf(gateway);
    if (approved) assert.match(result, /20\d\d-\d\d-\d\dT/);
    else assert.equal(result, '"current_time" was not run: the user did not agree.');
    assert.equal(
      frames.findLast(({ type }) => type === "tool_status")!.status,
      approved ? "completed" : "failed",
    );
    answer(adapter, question, true);
    const error = await adapter.waitFor(({ type }) => type === "error");
    assert.equal(error.code, "not_found");
  });
}

Deno.test("if nobody answers in time, the model is told", async () => {
  await using folder = new McpFolder({}, askForTime);
  const config = { ...folder.config, approvalTimeoutMs: 30 };
  await using gateway = await TestGateway.start({ config });
  await using adapter = await gateway.connect(approvals);
  const { id } = await ask(gateway, adapter);
  await adapter.replyTo(id);
  assert.match(await toolResultOf(gateway), /was not run: nobody answered in time/);
});

for (const dialect of ["clara-1", "clara-py"] as const) {
  Deno.test(`a ${dialect} adapter without approvals is not asked`, async () => {
    await using folder = new McpFolder({}, askForTime);
    await using gateway = await TestGateway.start({ config: folder.config });
    await using adapter = await gateway.connect({ dialect });
    gateway.llm.reply(call, { text: "Well." });
    await adapter.replyTo(adapter.say("Time?"));
    assert.match(await toolResultOf(gateway), /this platform cannot ask for it/);
    assert.ok(!adapter.frames.some(({ type }) => type === "approval_request"));
  });
}

Deno.test("an adapter that reconnects is asked again, and its answer counts", async () => {
  await using folder = new McpFolder({}, askForTime);
  await using gateway = await TestGateway.start({ config: folder.config });
  const before = await gateway.connect({ ...approvals, nodeId: "n" });
  const { id, question } = await ask(gateway, before);
  await before.close();
  await gateway.waitFor("adapter:disconnected");
  await using adapter = await gateway.connect({ ...approvals, nodeId: "n" });
  const again = await questionOf(adapter);
  assert.equal(again.approval_id, question.approval_id);
  answer(adapter, again, true);
  assert.equal((await adapter.replyTo(id)).terminal.content, "Well.");
  assert.match(await toolResultOf(gateway), /20\d\d-/);
});

Deno.test("another adapter cannot answer, and a cancel ends the wait", async () => {
  await using folder = new McpFolder({}, askForTime);
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect(approvals);
  await using other = await gateway.connect(approvals);
  const { id, question } = await ask(gateway, adapter);
  answer(other, question, true);
  const error = await other.waitFor(({ type }) => type === "error");
  assert.equal(error.code, "not_found");
  adapter.cancel(id);
  const { terminal } = await adapter.replyTo(id);
  assert.equal(terminal.type, "cancelled");
  answer(adapter, question, true);
  const late = await adapter.waitFor(({ type }) => type === "error");
  assert.equal(late.code, "not_found");
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("without rules, read-only tools and tools of MCP servers are offered", async () => {
  await using folder = new McpFolder({ bad: badServer() });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  gateway.llm.reply({ toolCalls: [{ name: "delete_file", arguments: { name: "a" } }] });
  await adapter.replyTo(adapter.say("Delete it"));
  const names = offeredTools(gateway.llm.requests[0]!.body);
  for (const name of ["current_time", "search_history", "remember", "bad__echo"]) {
    assert.ok(names.includes(name), name);
  }
  for (const name of ["delete_file", "save_file", "run_javascript", "fetch_url"]) {
    assert.ok(!names.includes(name), name);
  }
  assert.equal(await toolResultOf(gateway), 'There is no tool "delete_file".');
});

Deno.test("a rule for a channel, user or platform applies only there", async () => {
  const rules = `rules:
  - { action: allow, tools: "bad__e*", user: ada }
  - { action: deny, tools: "bad__*", channel: [public, lobby] }
  - { action: deny, risk: read, platform: test }
`;
  await using folder = new McpFolder({ bad: badServer() }, rules);
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  await using other = await gateway.connect({ platform: "elsewhere" });
  await adapter.replyTo(adapter.say("1", { channelId: "public", userId: "ada" }));
  await adapter.replyTo(adapter.say("2", { channelId: "lobby", userId: "bob" }));
  await other.replyTo(other.say("3", { channelId: "quiet", userId: "bob" }));
  const [ada, bob, elsewhere] = gateway.llm.requests.map(({ body }) => offeredTools(body));
  assert.deepEqual(ada!.filter((name) => name.startsWith("bad__")), [
    "bad__echo",
    "bad__env",
    "bad__escape",
  ]);
  assert.ok(!bob!.some((name) => name.startsWith("bad__")) && !bob!.includes("current_time"));
  assert.ok(elsewhere!.includes("bad__pid") && elsewhere!.includes("current_time"));
});

const invalidFiles: readonly (readonly [name: string, yaml: string, says: RegExp])[] = [
  ["an unknown action", "rules:\n  - action: perhaps\n", /tools\.yaml:2: "rules\.0\.action"/],
  ["an unknown key", "rules:\n  - action: deny\n    usr: me\n", /tools\.yaml:3: .*"usr"/],
  ["broken YAML", "rules:\n  - [\n", /tools\.yaml:\d: /],
  ["a missing anchor", "rules: *nowhere\n", /tools\.yaml.*nowhere/],
  ["a list at the top", "- action: deny\n", /tools\.yaml:1: the file: /],
];

for (const [name, yaml, says] of invalidFiles) {
  Deno.test(`a tools.yaml with ${name} prevents the start, and the error says where`, async () => {
    await using folder = new McpFolder({}, yaml);
    await assert.rejects(TestGateway.start({ config: folder.config }), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, says);
      return true;
    });
  });
}
