/** Requests absorbed, steered or interrupted when the gateway is killed: each ends once. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { type ChatRequest, textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import type { MessageOptions } from "../support/adapter/message_frame.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const nodeId = "adapter-1";

async function queue(adapter: AdapterClient, text: string, options: MessageOptions) {
  const id = adapter.say(text, options);
  await adapter.waitFor(({ request_id, state }) => request_id === id && state === "queued");
  return id;
}

function said(request: ChatRequest): readonly string[] {
  // What arrived in a row is sent as the paragraphs of one message.
  return request.messages.filter(({ role }) => role === "user")
    .flatMap((message) => textOf(message).split("\n\n"));
}

/** The terminal frames of a request over all connections; the same one may be repeated. */
function endings(id: string, ...adapters: readonly AdapterClient[]): readonly string[] {
  const ends = adapters.flatMap((adapter) => adapter.framesOf(id))
    .filter(({ type }) => ["response_end", "cancelled", "error"].includes(type))
    .map((frame) =>
      `${frame.type} ${(frame as { merged_into?: string }).merged_into ?? ""}`.trim()
    );
  return [...new Set(ends)];
}

Deno.test("collected messages are answered in one turn after a kill during it", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const gate = new Gate();
  llm.reply(
    { text: "A's", gate: gate.opened },
    { text: "never ends", hang: "mid-stream" },
  );
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const a = before.say("A", { channel_type: "dm" });
  await llm.request(0);
  const collect = { overlap: "collect", channel_type: "dm" };
  const b = await queue(before, "B", collect);
  const c = await queue(before, "C", collect);
  gate.open();
  await before.replyTo(a);
  await before.waitFor(({ content }) => content === "never ends");
  await killed.kill();
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await after.replyTo(b)).terminal.content, "C");
  await after.ping();
  assert.deepEqual(endings(b, before, after), ["response_end"]);
  assert.deepEqual(endings(c, before, after), [`cancelled ${b}`]);
  assert.deepEqual(said(llm.requests.at(-1)!.body).slice(-2), ["B", "C"]);
  assert.equal(llm.requests.length, 3);
});

Deno.test("messages waiting to be collected are collected after a kill", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply({ text: "never ends", hang: "mid-stream" });
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const a = before.say("A", { channel_type: "dm" });
  await before.waitFor(({ content }) => content === "never ends");
  const collect = { overlap: "collect", channel_type: "dm" };
  const b = await queue(before, "B", collect);
  const c = await queue(before, "C", collect);
  await killed.kill();
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await after.replyTo(a)).terminal.content, "A");
  assert.equal((await after.replyTo(b)).terminal.content, "C");
  await after.replyTo(c);
  assert.deepEqual(endings(c, before, after), [`cancelled ${b}`]);
});

/** One turn at a time, so that an unfinished turn is queued behind one of another channel. */
const oneTurn = { CLARA_MAX_CONCURRENT_TURNS: "1" };

for (const overlap of ["collect", "steer"]) {
  Deno.test(`a killed turn is not absorbed by the one that overtakes it (${overlap})`, async () => {
    await using llm = await LlmServer.start();
    await using folder = new TempFolder();
    llm.reply({ hang: "before-headers" }, { text: "never ends", hang: "mid-stream" });
    await using killed = await startGateway(llm, folder);
    const before = await AdapterClient.connect({ url: killed.url, nodeId });
    const other = before.say("Other", { channelId: "channel-2" });
    await llm.request(0);
    const asked = before.say("A", { overlap, channel_type: "dm" });
    await before.waitFor(({ content }) => content === "never ends");
    const urgent = await queue(before, "B", { overlap, priority: "high", channel_type: "dm" });
    await killed.kill();
    await before.close();

    // After its tool call, a turn absorbs waiting messages.
    llm.reply(
      { text: "Other's" },
      { toolCalls: [{ id: "t1", name: "current_time", arguments: {} }] },
      { text: "B's" },
      { text: "A's" },
    );
    await using gateway = await startGateway(llm, folder, oneTurn);
    await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
    assert.equal((await after.replyTo(other)).terminal.content, "Other's");
    assert.equal((await after.replyTo(urgent)).terminal.content, "B's");
    assert.equal((await after.replyTo(asked)).terminal.content, "A's");
    after.say("A", { requestId: asked, overlap, channel_type: "dm" });
    await after.ping();
    assert.deepEqual(endings(asked, before, after), ["response_end"]);
    assert.equal(llm.requests.length, 6);
  });

  Deno.test(`a turn that was put back after a tool keeps its result (${overlap})`, async () => {
    await using llm = await LlmServer.start();
    await using folder = new TempFolder();
    llm.reply(
      { hang: "before-headers" },
      { text: "Looking.", toolCalls: [{ id: "t1", name: "current_time", arguments: {} }] },
      { hang: "before-headers" },
    );
    await using stopped = await startGateway(llm, folder, { CLARA_DRAIN_SECONDS: "0" });
    const before = await AdapterClient.connect({ url: stopped.url, nodeId });
    before.say("Other", { channelId: "channel-2" });
    await llm.request(0);
    const asked = before.say("A", { overlap, channel_type: "dm" });
    const cut = await llm.request(2);
    const urgent = await queue(before, "B", { overlap, priority: "high", channel_type: "dm" });
    assert.equal((await stopped.kill("SIGTERM")).code, 0);
    await before.close();

    llm.reply(
      { text: "Other's" },
      { toolCalls: [{ id: "t2", name: "current_time", arguments: {} }] },
      { text: "B's" },
      { text: "A's" },
    );
    await using gateway = await startGateway(llm, folder, oneTurn);
    await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
    assert.equal((await after.replyTo(urgent)).terminal.content, "B's");
    const { terminal } = await after.replyTo(asked);
    assert.equal(terminal.content, "Looking.\n\nA's");
    assert.equal(terminal.tool_count, 1);
    assert.deepEqual(llm.requests.at(-1)!.body.messages.slice(-2), cut.body.messages.slice(-2));
  });
}

Deno.test("a killed turn queued behind another can be cancelled", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply({ text: "never ends", hang: "mid-stream" });
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const collect = { overlap: "collect", channel_type: "dm" };
  const asked = before.say("A", collect);
  await before.waitFor(({ content }) => content === "never ends");
  const urgent = await queue(before, "B", { ...collect, priority: "high" });
  await killed.kill();
  await before.close();

  const gate = new Gate();
  llm.reply({ text: "B's", gate: gate.opened });
  await using gateway = await startGateway(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  await llm.request(1);
  after.cancel(asked);
  assert.equal((await after.replyTo(asked)).terminal.type, "cancelled");
  gate.open();
  assert.equal((await after.replyTo(urgent)).terminal.content, "B's");
  assert.equal(llm.requests.length, 2);
});

Deno.test("messages absorbed before a kill stay absorbed after it and are not answered again", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const gate = new Gate();
  llm.reply(
    { toolCalls: [{ id: "t1", name: "current_time", arguments: {} }], gate: gate.opened },
    { text: "never ends", hang: "mid-stream" },
    { text: "Noon in Rome." },
  );
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const asked = before.say("What time is it?", { channel_type: "dm" });
  await llm.request(0);
  const steer = { overlap: "steer", channel_type: "dm" };
  const joined = await queue(before, "In Rome.", steer);
  gate.open();
  await before.waitFor(({ content }) => content === "never ends");
  await killed.kill();
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await after.replyTo(asked)).terminal.content, "Noon in Rome.");
  await after.ping();
  assert.deepEqual(endings(joined, before, after), [`cancelled ${asked}`]);
  assert.deepEqual(
    llm.requests[2]!.body.messages.slice(1),
    llm.requests[1]!.body.messages.slice(1),
  );
  assert.equal(llm.requests.length, 3);
});

Deno.test("an interrupted turn stays cancelled after a kill, and the interrupting one is answered", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply(
    { text: "Once", hang: "mid-stream" },
    { text: "never ends", hang: "mid-stream" },
    { text: "Noon." },
  );
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const story = before.say("A story");
  await before.waitFor(({ content }) => content === "Once");
  const stop = before.say("The time!", { overlap: "interrupt" });
  await before.waitFor(({ content }) => content === "never ends");
  await killed.kill();
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await after.replyTo(stop)).terminal.content, "Noon.");
  await after.ping();
  assert.deepEqual(endings(story, before, after), ["cancelled"]);
  assert.equal(llm.requests.length, 3);
});

Deno.test("a rejected message is not stored, and can be sent again after a kill", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply({ text: "Begun", hang: "mid-stream" });
  await using killed = await startGateway(llm, folder);
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const first = before.say("one");
  await before.waitFor(({ content }) => content === "Begun");
  const second = before.say("two", { overlap: "reject" });
  assert.equal((await before.replyTo(second)).terminal.code, "queue_full");
  await killed.kill();
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await after.replyTo(first)).terminal.content, "one");
  assert.equal(llm.requests.length, 2);
  after.say("two", { requestId: second, overlap: "reject" });
  assert.equal((await after.replyTo(second)).terminal.content, "two");
});
