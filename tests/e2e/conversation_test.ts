/** The normal course of a conversation between adapter, gateway and model. */

import assert from "node:assert/strict";
import { textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("the first chunk reaches the adapter before the model has sent the last", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({
    text: ["Hello ", "there, ", "friend."],
    gateAfter: { chunks: 1, until: gate.opened },
  });
  const id = adapter.say("Hi");
  const first = await adapter.waitFor(({ type }) => type === "response_chunk");
  assert.equal(first.content, "Hello ");
  gate.open();
  const { frames, text, terminal } = await adapter.replyTo(id);
  assert.equal(frames[0]!.type, "response_start");
  assert.equal(frames[0]!.model, "test-model");
  assert.equal(frames[0]!.tier, "mid");
  const chunks = frames.slice(1, -1);
  assert.deepEqual(new Set(chunks.map(({ type }) => type)), new Set(["response_chunk"]));
  assert.deepEqual(chunks.map(({ done }) => done), [...chunks.slice(1).map(() => false), true]);
  assert.equal(terminal.type, "response_end");
  assert.equal(terminal.content, "Hello there, friend.");
  assert.equal(text, terminal.content);
  assert.equal(terminal.finish_reason, "stop");
  assert.equal(terminal.model, "test-model");
  assert.deepEqual(terminal.usage, { input_tokens: 11, output_tokens: 7 });
  assert.deepEqual(terminal.files, []);
});

Deno.test("a channel's second message includes the first exchange", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "Nice to meet you, Ada." }, { text: "Ada." });
  await adapter.replyTo(adapter.say("I am Ada."));
  await adapter.replyTo(adapter.say("Who am I?"));
  await adapter.replyTo(adapter.say("Hello", { channelId: "another" }));
  const told = gateway.llm.requests.map(({ body }) =>
    body.messages.slice(1).map((message) => [message.role, textOf(message)])
  );
  assert.deepEqual(told, [
    [["user", "I am Ada."]],
    [["user", "I am Ada."], ["assistant", "Nice to meet you, Ada."], ["user", "Who am I?"]],
    [["user", "Hello"]],
  ]);
});

Deno.test("a message's tier chooses the model, and the reply names both", async () => {
  await using gateway = await TestGateway.start({
    config: { llm: { tierModels: { high: "big-model" } } },
  });
  await using adapter = await gateway.connect();
  const high = await adapter.replyTo(adapter.say("Think", { tier_override: "high" }));
  const low = await adapter.replyTo(adapter.say("Fast", { tier_override: "low" }));
  assert.deepEqual(gateway.llm.requests.map(({ body }) => body.model), ["big-model", "test-model"]);
  assert.equal(high.frames[0]!.tier, "high");
  assert.equal(high.terminal.model, "big-model");
  assert.equal(low.frames[0]!.tier, "low");
});

Deno.test("without a configured model the echo model answers", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  await using adapter = await gateway.connect();
  const { terminal, text } = await adapter.replyTo(adapter.say("  Wörter, one by one.\n"));
  assert.equal(terminal.content, "  Wörter, one by one.\n");
  assert.equal(text, terminal.content);
  assert.equal(terminal.model, "echo");
});

Deno.test("an adapter without the capability streaming gets its reply at the end", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ capabilities: [] });
  gateway.llm.reply({ text: ["one ", "two ", "three"] });
  const { frames, terminal } = await adapter.replyTo(adapter.say("Count"));
  assert.equal(terminal.content, "one two three");
  assert.equal(frames.filter(({ type, done }) => type === "response_chunk" && !done).length, 0);
});

Deno.test("any Unicode text arrives unchanged and is remembered", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const words = "Grüße 你好 👩‍👩‍👧 \u0000 \u001b[31m \\ \" ' <script> $(rm) `x` \r\n\t end";
  const { terminal } = await adapter.replyTo(adapter.say(words));
  assert.equal(terminal.content, words);
  await adapter.replyTo(adapter.say("And again"));
  const [, asked, answered] = gateway.llm.requests[1]!.body.messages;
  assert.equal(textOf(asked!), words);
  assert.equal(textOf(answered!), words);
});

Deno.test("events describe a conversation in order", async () => {
  await using gateway = await TestGateway.start();
  const adapter = await gateway.connect({ nodeId: "n-1", platform: "discord" });
  const id = adapter.say("Hi", { userId: "u-1", channelId: "c-1" });
  await adapter.replyTo(id);
  await adapter.close();
  await gateway.waitFor("adapter:disconnected");
  await gateway.stop();
  const names = gateway.events.items.map(({ name }) => name);
  assert.deepEqual(names, [
    "gateway:startup",
    "adapter:connected",
    "message:received",
    "session:start",
    "message:sent",
    "adapter:disconnected",
    "gateway:shutdown",
  ]);
  const sent = await gateway.waitFor("message:sent");
  const { duration_ms, ...data } = sent.data as { readonly duration_ms: number };
  assert.equal(typeof duration_ms, "number");
  assert.deepEqual(data, {
    node_id: "n-1",
    platform: "discord",
    user_id: "u-1",
    channel_id: "c-1",
    request_id: id,
    content: "Hi",
    tool_count: 0,
  });
});
