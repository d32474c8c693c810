/** Adapters that lose their connection and resume their session, without gap or repetition. */

import assert from "node:assert/strict";
import { Gate } from "../support/gate.ts";
import { ResumingReader } from "../support/adapter/resuming_reader.ts";
import { TestGateway } from "../support/test_gateway.ts";

const nodeId = "adapter-1";
const capabilities = ["streaming", "resume"];

Deno.test("an adapter that loses its connection fifty times in one reply reads it without gap or repetition", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader(nodeId);
  const words = Array.from({ length: 260 }, (_, index) => `${index} `);
  gateway.llm.reply({ text: words, chunkDelayMs: 5 });
  let client = await reader.connect(gateway.url);
  const id = client.say("Count");
  for (let cut = 0; cut < 50; cut++) {
    await client.waitFor(({ type }) => type === "response_chunk" || type === "response_end");
    await reader.drop(client);
    client = await reader.connect(gateway.url);
    if (cut % 3 === 0) client.send({ type: "ack", seq: reader.lastSeq });
  }
  await client.replyTo(id);
  reader.collect(client);
  reader.assertComplete();
  assert.equal(reader.text, words.join(""));
  assert.equal(reader.frames.filter(({ type }) => type === "response_start").length, 1);
  client.send({ type: "ack", seq: reader.lastSeq });
  await gateway.allDelivered();
  await client.close();
});

Deno.test("an adapter that returns without its session receives registered before anything else", async () => {
  await using gateway = await TestGateway.start();
  const words = Array.from({ length: 200 }, (_, index) => `${index} `);
  gateway.llm.reply({ text: words, chunkDelayMs: 2 });
  let client = await gateway.connect({ nodeId, capabilities, relay: true });
  const id = client.say("Count");
  // The reply continues in its absence and waits for the next connection.
  for (let cut = 0; cut < 12; cut++) {
    await client.waitFor(({ type }) => type === "response_chunk");
    await client.drop();
    await client.close();
    client = await gateway.connect({ nodeId, capabilities, relay: true });
    assert.equal(client.frames[0]!.type, "registered");
  }
  const { text } = await client.replyTo(id);
  assert.equal(text, words.join(""));
  await client.close();
});

Deno.test("frames lost in transit are sent again", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader(nodeId);
  gateway.llm.reply({ text: ["Swallowed ", "by the wire"] });
  const before = await reader.connect(gateway.url);
  before.relay!.stall();
  const id = before.say("Hello");
  before.relay!.flow();
  await gateway.waitFor("message:sent", { requestId: id });
  await before.replyTo(id);
  await before.drop();
  await before.close();
  // It reports that it has seen none of it.
  const back = await reader.connect(gateway.url, { lastSeq: 0 });
  const { text, terminal } = await back.replyTo(id);
  assert.equal(text, "Swallowed by the wire");
  assert.equal(terminal.content, text);
  assert.equal(back.registered.resumed, true);
  await back.close();
});

Deno.test("a reply that ends during an outage arrives on the next connection, in order", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader(nodeId);
  const gate = new Gate();
  gateway.llm.reply({
    text: ["one ", "two ", "three"],
    gateAfter: { chunks: 1, until: gate.opened },
  });
  const before = await reader.connect(gateway.url);
  const id = before.say("Count");
  await before.waitFor(({ content }) => content === "one ");
  await before.drop();
  await before.close();
  reader.collect(before);
  await gateway.waitFor("adapter:disconnected");
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });
  const back = await reader.connect(gateway.url);
  await back.replyTo(id);
  reader.collect(back);
  reader.assertComplete();
  assert.equal(reader.text, "one two three");
  await back.close();
});

Deno.test("in a new session acknowledged replies are not sent again, the others are", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader(nodeId);
  const first = await reader.connect(gateway.url);
  const acked = first.say("one");
  const { terminal } = await first.replyTo(acked);
  first.send({ type: "ack", seq: terminal.seq });
  await gateway.allDelivered();
  const lost = first.say("two");
  await first.replyTo(lost);
  await first.drop();
  await first.close();
  await gateway.waitFor("adapter:disconnected");
  await using back = await gateway.connect({ nodeId, capabilities });
  assert.equal((await back.replyTo(lost)).terminal.content, "two");
  await back.ping();
  assert.deepEqual(back.framesOf(acked), []);
});

Deno.test("an unknown session is refused, and a new one follows with what is missing", async () => {
  await using gateway = await TestGateway.start();
  const first = await gateway.connect({ nodeId, capabilities, relay: true });
  const sessionId = first.registered.session_id!;
  const id = first.say("Hello");
  const { terminal } = await first.replyTo(id);
  first.send({ type: "ack", seq: Number(terminal.seq) - 1 });
  await first.ping();
  await first.drop();
  await first.close();
  const wrong = [
    { sessionId: "another", lastSeq: 1 },
    { sessionId, lastSeq: 1 },
    { sessionId, lastSeq: 99 },
  ];
  for (const resume of wrong) {
    await using back = await gateway.connectRaw();
    back.register({ nodeId, capabilities, resume });
    const error = await back.waitFor(({ type }) => type === "error");
    assert.equal(error.code, "invalid_session");
    const registered = await back.waitFor(({ type }) => type === "registered");
    assert.equal(registered.resumed, false);
    assert.notEqual(registered.session_id, sessionId);
    assert.equal((await back.replyTo(id)).terminal.content, "Hello");
  }
});

Deno.test("a newer connection takes the session over from one that is still open", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader(nodeId);
  const gate = new Gate();
  gateway.llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
  const old = await reader.connect(gateway.url);
  const id = old.say("Count");
  await old.waitFor(({ content }) => content === "one ");
  reader.collect(old);
  const next = await reader.connect(gateway.url);
  assert.equal((await old.closed).code, 4409);
  await old.close();
  gate.open();
  await next.replyTo(id);
  reader.collect(next);
  reader.assertComplete();
  assert.equal(reader.text, "one two");
  await next.close();
});
