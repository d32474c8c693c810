/**
 * A network that resets, stalls, splits and half-closes connections: each reply arrives complete
 * and once.
 */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { within } from "../support/deadline.ts";
import { Gate } from "../support/gate.ts";
import { isTerminal } from "../support/adapter/received_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";

const nodeId = "adapter-1";
const resume = ["streaming", "resume"];

Deno.test("fault 3: frames in packets of one byte, in both directions, arrive intact", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId, relay: true });
  adapter.relay!.split(1);
  const content = "Grüße, 世界 👋 ".repeat(20);
  gateway.llm.when(() => true, (request) => ({ text: [...lastText(request)] }));
  const { text, terminal } = await adapter.replyTo(adapter.say(content));
  assert.equal(text, content);
  assert.equal(terminal.content, content);
});

Deno.test("fault 3: after a stall the rest arrives, and nothing twice", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ nodeId, relay: true });
  const gate = new Gate();
  const words = Array.from({ length: 50 }, (_, index) => `${index} `);
  gateway.llm.reply({ text: words, gateAfter: { chunks: 10, until: gate.opened } });
  const id = adapter.say("Count");
  await adapter.waitFor(({ content }) => content === "5 ");
  adapter.relay!.stall();
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });
  const before = adapter.framesOf(id).length;
  adapter.relay!.flow();
  const { text, frames } = await adapter.replyTo(id);
  assert.equal(text, words.join(""));
  assert.ok(frames.length > before);
  await adapter.ping();
  assert.equal(adapter.framesOf(id).filter(isTerminal).length, 1);
});

for (const capabilities of [["streaming"], resume]) {
  Deno.test(`fault 3: an adapter (${capabilities}) that half-closes its connection gets its reply on the next`, async () => {
    await using gateway = await TestGateway.start();
    const before = await gateway.connect({ nodeId, capabilities, relay: true });
    const gate = new Gate();
    gateway.llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
    const id = before.say("Count");
    await before.waitFor(({ content }) => content === "one ");
    const { position } = before;
    await before.relay!.halfClose();
    // Whoever cannot close properly counts as gone.
    await gateway.waitFor("adapter:disconnected");
    gate.open();
    await before.closed;
    await before.close();
    const back = await gateway.connect({
      nodeId,
      capabilities,
      ...(capabilities === resume && { resume: position }),
    });
    const { terminal } = await back.replyTo(id);
    assert.equal(terminal.content, "one two");
    const starts = back.framesOf(id).filter(({ type }) => type === "response_start");
    assert.equal(starts.length, capabilities === resume ? 0 : 1);
    await back.close();
  });
}

Deno.test("fault 5: a half-open socket is closed within two heartbeats, and its session can be resumed", async () => {
  await using gateway = await TestGateway.start({ config: { heartbeatMs: 1_000 } });
  const gate = new Gate();
  gateway.llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
  const dead = await gateway.connect({ nodeId, capabilities: resume, relay: true });
  const id = dead.say("Count");
  await dead.waitFor(({ content }) => content === "one ");
  const { position } = dead;
  // Like a machine that lost power: the connection is open, but nobody answers.
  dead.relay!.stall();
  const stalledAt = performance.now();
  await within(gateway.waitFor("adapter:disconnected"), { what: "the end of a half-open socket" });
  const tookMs = performance.now() - stalledAt;
  // Two heartbeats, and one until the next check.
  assert.ok(tookMs < 4_000, `${tookMs} ms`);
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });
  await dead.drop();
  await dead.close();
  await using back = await gateway.connect({ nodeId, capabilities: resume, resume: position });
  assert.equal(back.registered.resumed, true);
  assert.equal((await back.replyTo(id)).terminal.content, "one two");
});

Deno.test("fault 5: resuming from before the replay window is an invalid_session, and whole replies follow", async () => {
  await using gateway = await TestGateway.start();
  const first = await gateway.connect({ nodeId, capabilities: resume, relay: true });
  const { position } = first;
  gateway.llm.when(() => true, { text: Array.from({ length: 1_500 }, () => "x") });
  const ids = ["a", "b"].map((channelId) => first.say("Much", { channelId }));
  for (const id of ids) await first.replyTo(id);
  await first.drop();
  await first.close();
  await gateway.waitFor("adapter:disconnected");
  // About 3,000 frames were sent and none acknowledged; the first thousand are no longer kept.
  await using back = await AdapterClient.connectRaw(gateway.url);
  back.register({ nodeId, capabilities: resume, resume: position });
  assert.equal((await back.waitFor(({ type }) => type === "error")).code, "invalid_session");
  assert.equal((await back.waitFor(({ type }) => type === "registered")).resumed, false);
  for (const id of ids) assert.equal((await back.replyTo(id)).terminal.content!.length, 1_500);
});
