/** A message sent more than once runs once, and every copy is answered. */

import assert from "node:assert/strict";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("a message sent three times at once runs once and is answered once", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const requestId = "the-same";
  for (let time = 0; time < 3; time++) adapter.say("Hello", { requestId });
  const isStatus = ({ type }: { readonly type: string }) => type === "status";
  const first = await adapter.waitFor(isStatus);
  const second = await adapter.waitFor(isStatus, { from: adapter.frames.indexOf(first) + 1 });
  for (const status of [first, second]) {
    assert.equal(status.request_id, requestId);
    assert.equal(status.state, "duplicate");
    assert.equal(status.position, undefined);
  }
  gate.open();
  await adapter.replyTo(requestId);
  await adapter.ping();
  assert.equal(adapter.frames.filter(({ type }) => type === "response_end").length, 1);
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("a queued message sent again is told its position", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const ids = ["1", "2", "3"].map((word) => adapter.say(word, { requestId: `id-${word}` }));
  await gateway.llm.request(0);
  adapter.say("3", { requestId: "id-3" });
  const status = await adapter.waitFor(({ state }) => state === "duplicate");
  assert.equal(status.request_id, "id-3");
  assert.equal(status.position, 2);
  gate.open();
  for (const id of ids) await adapter.replyTo(id);
  assert.equal(gateway.llm.requests.length, 3);
});

Deno.test("a finished message sent again gets the same reply without another run", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({
    toolCalls: [{ name: "create_file", arguments: { filename: "a.txt", content: "A" } }],
  }, { text: "Done." });
  const first = await adapter.replyTo(adapter.say("Make it", { requestId: "r" }));
  await gateway.allDelivered();
  const from = adapter.frames.length;
  adapter.say("Make it", { requestId: "r" });
  const second = await adapter.replyTo("r", { from });
  const { seq: _1, at: _2, ...before } = first.terminal;
  const { seq: _3, at: _4, ...after } = second.terminal;
  assert.deepEqual(after, before);
  assert.equal(second.frames[0]!.type, "response_start");
  assert.equal(gateway.llm.requests.length, 2);

  await gateway.restart();
  await using later = await gateway.connect({ nodeId: adapter.registered.node_id });
  later.say("Make it", { requestId: "r" });
  const third = await later.replyTo("r");
  assert.equal(third.terminal.content, "Done.");
  assert.equal(gateway.llm.requests.length, 2);
});

Deno.test("a message sent again at the moment its reply ends is answered too", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  for (let round = 0; round < 20; round++) {
    const requestId = adapter.say("Hello");
    const { terminal } = await adapter.replyTo(requestId);
    const from = adapter.frames.indexOf(terminal) + 1;
    adapter.say("Hello", { requestId });
    const answer = await adapter.waitFor(({ request_id }) => request_id === requestId, {
      from,
      timeoutMs: 2_000,
    });
    assert.ok(["status", "response_start"].includes(answer.type), answer.type);
  }
  assert.equal(gateway.llm.requests.length, 20);
});

Deno.test("failed and cancelled messages sent again are answered as before", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ status: 401 }, { hang: "before-headers" });
  await adapter.replyTo(adapter.say("Fail", { requestId: "failed" }));
  adapter.say("Stop", { requestId: "stopped" });
  await gateway.llm.request(1);
  adapter.cancel("stopped");
  await adapter.replyTo("stopped");
  await gateway.allDelivered();
  const from = adapter.frames.length;
  adapter.say("Fail", { requestId: "failed" });
  adapter.say("Stop", { requestId: "stopped" });
  assert.equal((await adapter.replyTo("failed", { from })).terminal.code, "llm_unavailable");
  assert.equal((await adapter.replyTo("stopped", { from })).terminal.type, "cancelled");
  assert.equal(gateway.llm.requests.length, 2);
});

Deno.test("a different message with a known id is a conflict and does not affect the first", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  adapter.say("First", { requestId: "r" });
  await gateway.llm.request(0);
  const others = [
    { content: "Second" },
    { content: "First", channelId: "elsewhere" },
    { content: "First", userId: "someone else" },
    { content: "First", thread_id: "a thread" },
    { content: "First", attachments: [{ type: "text", filename: "a.txt", content: "A" }] },
  ];
  for (const { content, ...options } of others) {
    const from = adapter.frames.length;
    // Not `say`: the client would take the first reply for this message's.
    adapter.say(content, { ...options, requestId: "r" });
    const error = await adapter.waitFor(({ type }) => type === "error", { from });
    assert.equal(error.code, "duplicate_conflict");
    assert.equal(error.request_id, "r");
  }
  const from = adapter.frames.length;
  // Fields an adapter sets anew on each attempt do not make it a different message.
  adapter.say("First", { requestId: "r", metadata: { attempt: 2 }, user_name: "Ada" });
  assert.equal(
    (await adapter.waitFor(({ type }) => type === "status", { from })).state,
    "duplicate",
  );
  gate.open();
  const end = await adapter.waitFor(({ type }) => type === "response_end");
  assert.equal(end.content, "First");
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("the id of another adapter, or a new id, is a different message", async () => {
  await using gateway = await TestGateway.start();
  await using one = await gateway.connect();
  await using two = await gateway.connect();
  await one.replyTo(one.say("Hello", { requestId: "1" }));
  await two.replyTo(two.say("Hello", { requestId: "1" }));
  await two.replyTo(two.say("Hello", { requestId: "2" }));
  assert.equal(gateway.llm.requests.length, 3);
});
