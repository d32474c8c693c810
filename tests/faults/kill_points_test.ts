/** The gateway is killed at one specific moment; the next one answers what was accepted, once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText, textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { toolResults } from "../support/mcp/mcp_folder.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const nodeId = "adapter-1";

function start(
  llm: LlmServer,
  folder: TempFolder,
  options: { readonly cwd?: string } = {},
): Promise<GatewayProcess> {
  return GatewayProcess.start({
    ...options,
    dataDir: join(folder.path, "data"),
    env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url },
  });
}

Deno.test("fault 1: a message killed before its commit is not answered, and runs once when it is sent again", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  await using killed = await start(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  // Suspended, it reads nothing: the message stays in the socket until the process is gone.
  Deno.kill(killed.pid, "SIGSTOP");
  const id = before.say("Hello");
  await killed.kill();
  await before.closed;
  assert.deepEqual(before.framesOf(id), []);
  await before.close();

  await using gateway = await start(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  await adapter.ping();
  assert.deepEqual(adapter.framesOf(id), []);
  adapter.say("Hello", { requestId: id });
  assert.equal((await adapter.replyTo(id)).text, "Hello");
  assert.equal(llm.requests.length, 1);
});

Deno.test("fault 2: after a kill between commit and first frame, the next gateway answers once", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  await using killed = await start(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId, relay: true });
  before.relay!.stall("to-client");
  llm.reply({ hang: "before-headers" });
  const id = before.say("Hello");
  await llm.request(0);
  await killed.kill();
  await before.drop();
  assert.deepEqual(before.framesOf(id), []);
  await before.close();

  await using gateway = await start(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await adapter.replyTo(id)).terminal.content, "Hello");
  await adapter.ping();
  assert.equal(adapter.framesOf(id).filter(({ type }) => type === "response_end").length, 1);
});

Deno.test("fault 2: a tool killed between its journal entry and its start does not run later", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  // The call is journaled when approval is requested, and runs when it is granted.
  await Deno.writeTextFile(
    join(folder.path, "tools.yaml"),
    "rules:\n  - { action: ask, tools: create_file }\n",
  );
  llm.reply({
    toolCalls: [{ name: "create_file", arguments: { filename: "a.txt", content: "A" } }],
  });
  await using killed = await start(llm, folder, { cwd: folder.path });
  const capabilities = ["streaming", "approvals"];
  const before = await AdapterClient.connect({ url: killed.url, nodeId, capabilities });
  const id = before.say("Make a file");
  await before.waitFor(({ type }) => type === "approval_request");
  await killed.kill();
  await before.close();

  llm.reply({ text: "I do not know whether it is there." });
  await using gateway = await start(llm, folder, { cwd: folder.path });
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId, capabilities });
  const { terminal } = await adapter.replyTo(id);
  assert.deepEqual(terminal.files, []);
  const [told] = toolResults(llm.requests[1]!.body);
  assert.match(told!, /interrupted; its outcome is unknown/);
  assert.equal(adapter.frames.filter(({ type }) => type === "approval_request").length, 0);
});

Deno.test("fault 2: a kill between the last chunk and the end gives one reply, and one in history", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  await using killed = await start(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const gate = new Gate();
  llm.reply({ text: ["All", " of it"], gateAfter: { chunks: 1, until: gate.opened } });
  const id = before.say("Hello");
  await before.waitFor(({ content }) => content === "All");
  // Nobody can commit while this transaction is open, so the outcome waits.
  const database = new DatabaseSync(join(folder.path, "data", "gateway.db"));
  database.exec("BEGIN IMMEDIATE");
  gate.open();
  await (await llm.request(0)).finished;
  await before.waitFor(({ content }) => content === " of it");
  await killed.kill();
  database.exec("ROLLBACK");
  database.close();
  assert.equal(before.framesOf(id).some(({ type }) => type === "response_end"), false);
  await before.close();

  await using gateway = await start(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await adapter.replyTo(id)).terminal.content, "Hello");
  const next = await adapter.replyTo(adapter.say("And on"));
  assert.equal(next.text, "And on");
  const { messages } = llm.requests.at(-1)!.body;
  assert.deepEqual(messages.slice(1).map(textOf), ["Hello", "Hello", "And on"]);
  assert.deepEqual(llm.requests.map(({ body }) => lastText(body)), ["Hello", "Hello", "And on"]);
});
