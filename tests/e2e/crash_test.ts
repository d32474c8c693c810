/** A killed gateway: the next one answers everything it had accepted, exactly once. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText, textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { historyRows } from "./history_rows.ts";

const nodeId = "adapter-1";
const words = ["one", "two", "three", "four", "five"];

/** Sends all messages in one channel and waits until all are accepted and the first streams. */
async function sendAll(adapter: AdapterClient): Promise<readonly string[]> {
  const ids = words.map((word) => adapter.say(word));
  for (const id of ids.slice(1)) {
    await adapter.waitFor(({ type, request_id }) => type === "status" && request_id === id);
  }
  await adapter.waitFor(({ type }) => type === "response_chunk");
  return ids;
}

Deno.test("five accepted messages survive a kill during the first reply", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply({ text: ["half", "of it"], hang: "mid-stream" });
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const ids = await sendAll(before);
  await killed.kill();
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  for (const [index, id] of ids.entries()) {
    assert.equal((await adapter.replyTo(id)).terminal.content, words[index]);
  }
  await adapter.ping();
  const ends = adapter.frames.filter(({ type }) => type === "response_end");
  assert.deepEqual(ends.map(({ request_id }) => request_id), ids);
  assert.deepEqual(llm.requests.map(({ body }) => lastText(body)), ["one", ...words]);
  const said = llm.requests.at(-1)!.body.messages.slice(1).map(textOf);
  const twice = words.flatMap((word) => [word, word]);
  assert.deepEqual(said, twice.slice(0, -1));
  await gateway.kill("SIGTERM");
  assert.deepEqual(
    historyRows(folder.path),
    twice.map((word, index) => [index % 2 === 0 ? "user" : "assistant", word]),
  );
});

Deno.test("a kill while the adapter is away loses none of its replies", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const gate = new Gate();
  llm.reply({ text: ["a", "b"], gateAfter: { chunks: 1, until: gate.opened } });
  const ids = await sendAll(before);
  await before.close();
  await killed.waitForLog(/disconnected/);
  // The first two are done and wait for the adapter; the third is running.
  llm.reply({ text: "second" }, { hang: "before-headers" });
  gate.open();
  await llm.request(2);
  await killed.kill();

  await using gateway = await startGateway(llm, folder);
  await llm.request(5);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  const replies = await Promise.all(ids.map((id) => adapter.replyTo(id)));
  assert.deepEqual(
    replies.map(({ terminal }) => terminal.content),
    ["ab", "second", "three", "four", "five"],
  );
  await adapter.ping();
  assert.equal(adapter.frames.filter(({ type }) => type === "response_end").length, 5);
  assert.equal(llm.requests.length, 6);
});

Deno.test("a tool that ran before a kill does not run again, and its result is kept", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const call = { id: "t1", name: "current_time", arguments: {} };
  const file = { name: "create_file", arguments: { filename: "a.txt", content: "A" } };
  llm.reply({ text: "Looking.", toolCalls: [call, file] }, { hang: "before-headers" });
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const id = before.say("What time is it?");
  const cut = await llm.request(1);
  await killed.kill();
  await before.close();

  llm.reply({ text: "Noon." });
  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  const { terminal } = await adapter.replyTo(id);
  assert.equal(terminal.content, "Looking.\n\nNoon.");
  assert.equal(terminal.tool_count, 2);
  assert.equal((terminal.files as readonly { filename: string }[])[0]!.filename, "a.txt");
  assert.equal(llm.requests.length, 3);
  // The time the tool reported before the kill, to the millisecond.
  assert.deepEqual(llm.requests[2]!.body.messages.slice(1), cut.body.messages.slice(1));
});

Deno.test("a message that crashes the process three times is set aside, and the channel goes on", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.when((request) => lastText(request) === "crashing", { hang: "before-headers" });
  let crashing = "";
  let behind = "";
  for (let attempt = 0; attempt < 3; attempt++) {
    await using gateway = await startGateway(llm, folder, { CLARA_MAX_ATTEMPTS: "3" });
    if (attempt === 0) {
      const before = await AdapterClient.connect({ url: gateway.url, nodeId });
      crashing = before.say("crashing");
      behind = before.say("behind it");
      await before.waitFor(({ type, request_id }) => type === "status" && request_id === behind);
      await before.close();
    }
    await llm.request(attempt);
    await gateway.kill();
  }
  await using gateway = await startGateway(llm, folder, { CLARA_MAX_ATTEMPTS: "3" });
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  const { terminal } = await adapter.replyTo(crashing);
  assert.equal(terminal.code, "internal_error");
  assert.match(terminal.message!, /set aside: the gateway crashed 3 times/);
  assert.equal((await adapter.replyTo(behind)).terminal.content, "behind it");
  assert.equal(llm.requests.filter(({ body }) => lastText(body) === "crashing").length, 3);
});

Deno.test("a second gateway on the same data folder is refused; the first goes on", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  await using gateway = await startGateway(llm, folder);
  await assert.rejects(
    startGateway(llm, folder),
    /another gateway is running on it\. Stop that one first/,
  );
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  assert.equal((await adapter.replyTo(adapter.say("Still here?"))).text, "Still here?");
});
