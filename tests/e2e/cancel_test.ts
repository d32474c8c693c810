/** Cancelling a request at any stage. */

import assert from "node:assert/strict";
import { lastParagraph } from "../support/llm/chat_request.ts";
import { within } from "../support/deadline.ts";
import { Gate } from "../support/gate.ts";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("cancelling a running request aborts the model call, and nothing follows", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: ["Once ", "upon"], hang: "mid-stream" });
  const id = adapter.say("Tell me a story");
  await adapter.waitFor(({ content }) => content === "upon");
  const next = adapter.say("Something else");
  adapter.cancel(id, "changed my mind");
  const { terminal, text } = await adapter.replyTo(id);
  assert.equal(terminal.type, "cancelled");
  assert.equal(text, "Once upon");
  const upstream = await gateway.llm.request(0);
  await within(upstream.closedByClient, { what: "the end of the request upstream" });
  assert.equal((await adapter.replyTo(next)).text, "Something else");
  assert.equal(adapter.framesOf(id).filter(({ type }) => type === "cancelled").length, 1);
  assert.equal(adapter.framesOf(id).at(-1), terminal);
  await gateway.waitFor("message:cancelled", { requestId: id });
  const said = gateway.llm.requests[1]!.body.messages.slice(1).map(({ content }) => content);
  assert.deepEqual(said, ["Tell me a story", "Once upon [cut off]", "Something else"]);
});

Deno.test("a request can be cancelled before the model has answered", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ hang: "before-headers" });
  const id = adapter.say("Hello");
  const upstream = await gateway.llm.request(0);
  adapter.cancel(id);
  assert.equal((await adapter.replyTo(id)).terminal.type, "cancelled");
  await within(upstream.closedByClient, { what: "the end of the request upstream" });
});

Deno.test("a request can be cancelled while the provider asks to wait", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ status: 429, headers: { "retry-after": "30" } });
  const id = adapter.say("Hello");
  const upstream = await gateway.llm.request(0);
  await upstream.finished;
  adapter.cancel(id);
  const { terminal } = await adapter.replyTo(id, { timeoutMs: 5_000 });
  assert.equal(terminal.type, "cancelled");
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("cancelling a queued request keeps the order of the others", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastParagraph(request), gate: gate.opened }));
  const [first, second, third, fourth] = ["1", "2", "3", "4"].map((word) => adapter.say(word)) as [
    string,
    string,
    string,
    string,
  ];
  await adapter.waitFor(({ type, request_id }) => type === "status" && request_id === fourth);
  adapter.cancel(third);
  const { frames, terminal } = await adapter.replyTo(third);
  assert.equal(terminal.type, "cancelled");
  assert.deepEqual(frames.map(({ type }) => type), ["status", "cancelled"]);
  gate.open();
  for (const id of [first, second, fourth]) await adapter.replyTo(id);
  assert.deepEqual(gateway.llm.requests.map(({ body }) => lastParagraph(body)), ["1", "2", "4"]);
});

Deno.test("a request can be cancelled between a tool and the model's next answer", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    { toolCalls: [{ name: "current_time", arguments: {} }] },
    { hang: "after-headers" },
  );
  const id = adapter.say("Time?");
  await adapter.waitFor(({ status }) => status === "completed");
  await gateway.llm.request(1);
  adapter.cancel(id);
  assert.equal((await adapter.replyTo(id)).terminal.type, "cancelled");
  assert.equal((await adapter.replyTo(adapter.say("Next"))).text, "Next");
});

Deno.test("cancelling a channel cancels all its requests and none of another channel", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastParagraph(request), gate: gate.opened }));
  const ids = ["1", "2", "3"].map((word) => adapter.say(word, { channelId: "noisy" }));
  const other = adapter.say("quiet words", { channelId: "quiet" });
  await gateway.llm.request(1);
  adapter.cancel({ channelId: "noisy" });
  for (const id of ids) assert.equal((await adapter.replyTo(id)).terminal.type, "cancelled");
  gate.open();
  assert.equal((await adapter.replyTo(other)).text, "quiet words");
  assert.equal((await adapter.replyTo(adapter.say("4", { channelId: "noisy" }))).text, "4");
  assert.equal(gateway.llm.requests.length, 3);
});

Deno.test("a cancel sent right after its message finds it", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when((request) => lastParagraph(request) === "stop", { hang: "before-headers" });
  for (let round = 0; round < 20; round++) {
    const id = adapter.say("stop");
    adapter.cancel(id);
    const { terminal } = await adapter.replyTo(id);
    assert.equal(terminal.type, "cancelled");
  }
  const ids = Array.from({ length: 5 }, () => adapter.say("stop"));
  adapter.cancel({ channelId: "channel-1" });
  for (const id of ids) assert.equal((await adapter.replyTo(id)).terminal.type, "cancelled");
  assert.equal((await adapter.replyTo(adapter.say("go"))).text, "go");
});

Deno.test("a cancel at the moment the reply ends gives exactly one terminal frame", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  for (let round = 0; round < 30; round++) {
    const id = adapter.say("short");
    await adapter.waitFor(({ type, request_id }) => type === "response_chunk" && request_id === id);
    adapter.cancel(id);
    // After the pong, anything the cancel caused has arrived.
    await adapter.replyTo(id);
    await adapter.ping();
    const ends = adapter.framesOf(id).filter(({ type }) =>
      type === "response_end" || type === "cancelled"
    );
    assert.equal(ends.length, 1);
  }
});

Deno.test("a request that is neither queued nor running cannot be cancelled", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const done = adapter.say("Hello");
  await adapter.replyTo(done);
  for (const target of ["never sent", done, { channelId: "empty" }]) {
    const from = adapter.frames.length;
    adapter.cancel(target);
    const error = await adapter.waitFor(({ type }) => type === "error", { from });
    assert.equal(error.code, "not_found");
    assert.equal(error.request_id, typeof target === "string" ? target : null);
  }
});

Deno.test("another adapter's request cannot be cancelled, by id or by channel", async () => {
  await using gateway = await TestGateway.start();
  await using owner = await gateway.connect();
  await using stranger = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, { text: "Untouched", gate: gate.opened });
  const id = owner.say("Mine");
  await gateway.llm.request(0);
  for (const target of [id, { channelId: "channel-1" }]) {
    const from = stranger.frames.length;
    stranger.cancel(target);
    const error = await stranger.waitFor(({ type }) => type === "error", { from });
    assert.equal(error.code, "not_found");
  }
  gate.open();
  assert.equal((await owner.replyTo(id)).text, "Untouched");
});
