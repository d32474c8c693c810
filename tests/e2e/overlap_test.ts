/**
 * Messages that arrive during a turn in their channel: queue, collect, steer, interrupt, reject.
 */

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter/client.ts";
import { type ChatRequest, textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import type { MessageOptions } from "../support/adapter/message_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { historyRows } from "./history_rows.ts";

/** Sends a message and waits until it is queued. */
async function queue(adapter: AdapterClient, text: string, options: MessageOptions = {}) {
  const id = adapter.say(text, options);
  await adapter.waitFor(({ request_id, state }) => request_id === id && state === "queued");
  return id;
}

/** The users' texts in a model request, without the speakers' names. */
function said(request: ChatRequest): readonly string[] {
  // What arrived in a row is sent as the paragraphs of one message.
  return request.messages.filter(({ role }) => role === "user")
    .flatMap((message) => textOf(message).split("\n\n"));
}

/** The requests absorbed by others, with the absorbing ones. */
function merged(adapter: AdapterClient): readonly (readonly [unknown, unknown])[] {
  return adapter.frames.filter(({ type }) => type === "cancelled")
    .map((frame) => [frame.request_id, (frame as { merged_into?: unknown }).merged_into]);
}

Deno.test("messages collected during a turn are answered in one", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({ text: "A's answer", gate: gate.opened });
  const collect = { overlap: "collect", channel_type: "dm" };
  const first = adapter.say("A", { channel_type: "dm" });
  await gateway.llm.request(0);
  const b = await queue(adapter, "B", collect);
  const c = await queue(adapter, "C", collect);
  const other = await queue(adapter, "someone else's", { ...collect, userId: "user-2" });
  const plain = await queue(adapter, "queued", { channel_type: "dm" });
  const d = await queue(adapter, "D", collect);
  gate.open();
  assert.equal((await adapter.replyTo(first)).terminal.content, "A's answer");
  assert.equal((await adapter.replyTo(b)).terminal.content, "D");
  for (const id of [c, d]) {
    const { frames, terminal } = await adapter.replyTo(id);
    assert.equal(terminal.type, "cancelled");
    assert.equal((terminal as { merged_into?: string }).merged_into, b);
    assert.ok(!frames.some(({ type }) => type === "response_start"));
  }
  assert.equal((await adapter.replyTo(other)).terminal.content, "someone else's");
  assert.equal((await adapter.replyTo(plain)).terminal.content, "queued");
  assert.deepEqual(said((await gateway.llm.request(1)).body).slice(-3), ["B", "C", "D"]);
  assert.equal(gateway.llm.requests.length, 4);
  await gateway.stop();
  assert.deepEqual(
    historyRows(gateway.dataDir).map(([role, text]) => `${role}: ${text}`).slice(0, 6),
    [
      "user: A",
      "assistant: A's answer",
      "user: B",
      "user: C",
      "user: D",
      "assistant: D",
    ],
  );
});

Deno.test("an idle channel with collect waits until it is quiet", async () => {
  await using gateway = await TestGateway.start({
    config: { collectMs: 300, overlap: { fallback: "collect", rules: [] } },
  });
  await using adapter = await gateway.connect();
  const ids = ["one", "two", "three"].map((text) => adapter.say(text, { channel_type: "dm" }));
  const [first, ...rest] = ids;
  assert.equal((await adapter.replyTo(first!)).terminal.type, "response_end");
  for (const id of rest) await adapter.replyTo(id);
  assert.deepEqual(merged(adapter), rest.map((id) => [id, first]));
  assert.equal(gateway.llm.requests.length, 1);
  assert.deepEqual(said(gateway.llm.requests[0]!.body), ["one", "two", "three"]);
});

Deno.test("a message waiting for quiet can be cancelled, and survives a stop", async () => {
  await using gateway = await TestGateway.start({
    config: { collectMs: 60_000, overlap: { fallback: "collect", rules: [] } },
  });
  const nodeId = "adapter-1";
  let kept: string;
  {
    await using adapter = await gateway.connect({ nodeId });
    const gone = await queue(adapter, "never mind");
    adapter.cancel(gone);
    const { terminal } = await adapter.replyTo(gone);
    assert.equal(terminal.type, "cancelled");
    assert.equal((terminal as { merged_into?: string }).merged_into, undefined);
    kept = await queue(adapter, "later");
    await gateway.restart({ collectMs: 0 });
    await adapter.closed;
  }
  await using adapter = await gateway.connect({ nodeId });
  assert.equal((await adapter.replyTo(kept)).terminal.content, "later");
});

Deno.test("a message that interrupts cancels the running turn and is answered", async () => {
  await using gateway = await TestGateway.start({
    config: {
      overlap: { fallback: "queue", rules: [{ channels: "test:hot*", overlap: "interrupt" }] },
    },
  });
  await using adapter = await gateway.connect({ platform: "test" });
  gateway.llm.reply({ text: ["Once ", "upon"], hang: "mid-stream" });
  const story = adapter.say("Tell me a story", { channelId: "hot-1" });
  await adapter.waitFor(({ content }) => content?.includes("upon") ?? false);
  const stop = adapter.say("Stop, what time is it?", { channelId: "hot-1" });
  const cut = await adapter.replyTo(story);
  assert.equal(cut.terminal.type, "cancelled");
  assert.equal((await adapter.replyTo(stop)).terminal.content, "Stop, what time is it?");
  const seen = gateway.llm.requests[1]!.body.messages.map(textOf);
  assert.ok(seen.some((text) => text.startsWith("Once upon")), seen.join("\n"));
});

Deno.test("a message that steers joins the running turn after its next tools", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply(
    { toolCalls: [{ id: "t1", name: "current_time", arguments: {} }], gate: gate.opened },
    { text: "In Rome it is noon." },
  );
  const asked = adapter.say("What time is it?", { channel_type: "dm" });
  await gateway.llm.request(0);
  const steer = { overlap: "steer", channel_type: "dm" };
  const joined = await queue(adapter, "In Rome, I mean.", steer);
  gate.open();
  assert.equal((await adapter.replyTo(asked)).terminal.content, "In Rome it is noon.");
  await adapter.replyTo(joined);
  assert.deepEqual(merged(adapter), [[joined, asked]]);
  const { messages } = (await gateway.llm.request(1)).body;
  assert.deepEqual(messages.slice(-3).map(({ role }) => role), ["tool", "assistant", "user"]);
  assert.equal(textOf(messages.at(-1)!), "In Rome, I mean.");
  assert.equal(gateway.llm.requests.length, 2);
});

Deno.test("a message that steers a turn without tools is answered after it", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({ text: "First.", gate: gate.opened });
  const first = adapter.say("one");
  await gateway.llm.request(0);
  const second = await queue(adapter, "two", { overlap: "steer" });
  gate.open();
  assert.equal((await adapter.replyTo(first)).terminal.content, "First.");
  assert.equal((await adapter.replyTo(second)).terminal.content, "two");
  assert.deepEqual(merged(adapter), []);
});

Deno.test("if a message is rejected during a turn, its sender is told and may retry", async () => {
  await using gateway = await TestGateway.start({
    config: { overlap: { fallback: "reject", rules: [] } },
  });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({ text: "First.", gate: gate.opened });
  const first = adapter.say("one");
  await gateway.llm.request(0);
  const second = adapter.say("two");
  const { terminal } = await adapter.replyTo(second);
  assert.equal(terminal.code, "queue_full");
  assert.equal(terminal.recoverable, true);
  assert.deepEqual(terminal.details, { reason: "busy" });
  // The running request itself is known and not rejected.
  adapter.say("one", { requestId: first });
  await adapter.waitFor(({ request_id, state }) => request_id === first && state === "duplicate");
  gate.open();
  assert.equal((await adapter.replyTo(first)).terminal.content, "First.");
  const again = adapter.say("two, again");
  assert.equal((await adapter.replyTo(again)).terminal.content, "two, again");
});

Deno.test("a message's own overlap setting overrides the channel's", async () => {
  await using gateway = await TestGateway.start({
    config: { overlap: { fallback: "reject", rules: [] } },
  });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({ text: "First.", gate: gate.opened });
  const first = adapter.say("one");
  await gateway.llm.request(0);
  const second = await queue(adapter, "two", { overlap: "queue" });
  gate.open();
  await adapter.replyTo(first);
  assert.equal((await adapter.replyTo(second)).terminal.content, "two");
});

Deno.test("cancelling a turn ends the requests absorbed by it, each once", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({ text: "A", gate: gate.opened }, { text: "B", hang: "mid-stream" });
  const a = adapter.say("A");
  await gateway.llm.request(0);
  const b = await queue(adapter, "B", { overlap: "collect" });
  const c = await queue(adapter, "C", { overlap: "collect" });
  gate.open();
  await adapter.replyTo(a);
  await adapter.replyTo(c);
  await adapter.waitFor(({ request_id, type }) => request_id === b && type === "response_chunk");
  adapter.cancel(b);
  assert.equal((await adapter.replyTo(b)).terminal.type, "cancelled");
  await adapter.ping();
  assert.deepEqual(merged(adapter), [[c, b], [b, undefined]]);
  assert.deepEqual(
    gateway.events.items.filter(({ name }) => name === "message:cancelled").map(({ data }) => data),
    [
      { ...originOf(gateway, adapter), request_id: c, merged_into: b },
      { ...originOf(gateway, adapter), request_id: b },
    ],
  );
});

function originOf(gateway: TestGateway, adapter: AdapterClient) {
  const connected = gateway.events.items.find(({ name }) => name === "adapter:connected")!;
  const { platform } = connected.data as { readonly platform: string };
  return {
    node_id: adapter.registered.node_id,
    platform,
    user_id: "user-1",
    channel_id: "channel-1",
  };
}
