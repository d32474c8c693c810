/** Adapters that disconnect and return receive every missed reply exactly once. */

import assert from "node:assert/strict";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { TestGateway } from "../support/test_gateway.ts";

const nodeId = "adapter-1";

Deno.test("an adapter that was away for a whole turn receives the whole reply once", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.reply({ text: ["All ", "of it"], gate: gate.opened });
  const before = await gateway.connect({ nodeId });
  const id = before.say("Hello");
  await gateway.llm.request(0);
  await before.close();
  await gateway.waitFor("adapter:disconnected");
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });

  const back = await gateway.connect({ nodeId });
  const { frames, terminal } = await back.replyTo(id);
  assert.deepEqual(frames.map(({ type }) => type), ["response_start", "response_end"]);
  assert.equal(terminal.content, "All of it");
  await gateway.allDelivered();
  await back.close();

  await using again = await gateway.connect({ nodeId });
  await again.ping();
  assert.deepEqual(again.framesOf(id), []);
});

Deno.test("an adapter that returns in the middle of a reply receives it from the beginning", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.reply({
    text: ["one ", "two ", "three ", "four"],
    gateAfter: { chunks: 2, until: gate.opened },
  });
  const before = await gateway.connect({ nodeId, relay: true });
  const id = before.say("Count");
  await before.waitFor(({ content }) => content === "two ");
  await before.drop();
  await before.close();

  await using back = await gateway.connect({ nodeId });
  const start = await back.waitFor(({ type }) => type === "response_start");
  const first = await back.waitFor(({ type }) => type === "response_chunk");
  assert.equal(first.content, "one two ");
  gate.open();
  const { text, terminal, frames } = await back.replyTo(id);
  assert.equal(frames[0], start);
  assert.equal(text, "one two three four");
  assert.equal(terminal.content, text);
  assert.equal(start.response_id, before.framesOf(id)[0]!.response_id);
});

Deno.test("errors and cancels reach an adapter that was away, in order", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.when((request) => lastText(request) === "fail", {
    status: 401,
    gate: gate.opened,
  }).when((request) => lastText(request) === "stop", { hang: "before-headers" });
  const before = await gateway.connect({ nodeId });
  const failed = before.say("fail", { channelId: "a" });
  const stopped = before.say("stop", { channelId: "b" });
  const queued = before.say("never run", { channelId: "b" });
  await before.waitFor(({ type, request_id }) => type === "status" && request_id === queued);
  await gateway.llm.request(1);
  before.cancel({ channelId: "b" });
  await before.close();
  await gateway.waitFor("adapter:disconnected");
  gate.open();
  await gateway.waitFor("message:error", { requestId: failed });
  await gateway.waitFor("message:cancelled", { requestId: stopped });
  await gateway.waitFor("message:cancelled", { requestId: queued });

  await using back = await gateway.connect({ nodeId });
  const { frames, terminal } = await back.replyTo(failed);
  assert.equal(terminal.code, "llm_unavailable");
  assert.deepEqual(frames.map(({ type }) => type), ["error"]);
  await gateway.allDelivered();
  await back.ping();
  for (const id of [stopped, queued]) {
    const ends = [...before.framesOf(id), ...back.framesOf(id)]
      .filter(({ type }) => type === "cancelled");
    assert.ok(ends.length >= 1);
  }
});

Deno.test("a node's second socket replaces the first, which receives nothing more", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.reply({
    text: ["one ", "two ", "three"],
    gateAfter: { chunks: 1, until: gate.opened },
  });
  await using older = await gateway.connect({ nodeId });
  const id = older.say("Count");
  await older.waitFor(({ type }) => type === "response_chunk");
  await using newer = await gateway.connect({ nodeId });
  const { code } = await older.closed;
  assert.equal(code, 4409);
  assert.equal(older.frames.at(-1)!.code, "replaced");
  assert.equal(older.frames.at(-1)!.request_id, null);
  gate.open();
  const { text, frames } = await newer.replyTo(id);
  assert.equal(text, "one two three");
  assert.equal(frames.filter(({ type }) => type === "response_start").length, 1);
  await newer.ping();
  const all = [...older.frames, ...newer.frames];
  assert.equal(all.filter(({ type }) => type === "response_end").length, 1);
  assert.equal((await newer.replyTo(newer.say("And on"))).text, "And on");
});

Deno.test("a reply goes only to the adapter that sent the request", async () => {
  await using gateway = await TestGateway.start();
  await using one = await gateway.connect();
  await using other = await gateway.connect();
  await one.replyTo(one.say("Mine", { channelId: "shared" }));
  await other.ping();
  assert.deepEqual(other.frames.map(({ type }) => type), ["registered", "pong"]);
});

Deno.test("a reply survives a restart of the gateway while its adapter is away", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.reply({ text: "Kept", gate: gate.opened });
  const before = await gateway.connect({ nodeId });
  const id = before.say("Hello");
  await gateway.llm.request(0);
  await before.close();
  await gateway.waitFor("adapter:disconnected");
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });
  await gateway.restart();
  await using back = await gateway.connect({ nodeId });
  assert.equal((await back.replyTo(id)).terminal.content, "Kept");
});

Deno.test("an adapter that does not read is disconnected, and gets its replies when it returns", async () => {
  await using gateway = await TestGateway.start({
    config: { limits: { sendBufferBytes: 512 * 1024 } },
  });
  const megabyte = "x".repeat(1024 * 1024);
  const slow = await gateway.connect({ nodeId, relay: true });
  slow.relay!.stall("to-client");
  gateway.llm.when((request) => lastText(request) === "Much", { text: megabyte });
  // More than any kernel buffers for a reader that does not read.
  const ids = Array.from(
    { length: 24 },
    (_, index) => slow.say("Much", { channelId: `channel ${index}` }),
  );
  await gateway.waitFor("adapter:disconnected");
  for (const requestId of ids) await gateway.waitFor("message:sent", { requestId });
  await using quick = await gateway.connect();
  assert.equal((await quick.replyTo(quick.say("Hello"))).text, "Hello");
  await slow.drop();
  await slow.close();

  // What the kernel buffered counts as sent: without `resume` nothing is acknowledged.
  const { store } = await gateway.health() as { readonly store: { readonly undelivered: number } };
  assert.ok(store.undelivered > 5, `${store.undelivered} replies were not sent`);
  await using back = await gateway.connect({ nodeId });
  const ends = () => back.frames.filter(({ type }) => type === "response_end");
  await back.waitFor(() => ends().length === store.undelivered, { what: "all that it missed" });
  await back.ping();
  assert.equal(new Set(ends().map(({ request_id }) => request_id)).size, store.undelivered);
  assert.equal(ends().length, store.undelivered);
  for (const { content } of ends()) assert.equal(content, megabyte);
});
