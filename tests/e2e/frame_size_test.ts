/** Frames near the size limit. */

import assert from "node:assert/strict";
import { messageFrame } from "../support/adapter/message_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";

const requestId = "r-1";

/** A message whose frame has exactly this many UTF-8 bytes, mostly umlauts. */
function frameOf(bytes: number): string {
  const text = (content: string) =>
    JSON.stringify(messageFrame(content, { dialect: "clara-1", requestId }));
  const rest = bytes - new TextEncoder().encode(text("")).length;
  return text("ü".repeat(Math.floor(rest / 2)) + "u".repeat(rest % 2));
}

Deno.test("a frame of sixteen mebibytes of umlauts is accepted and its reply arrives whole", async () => {
  // The model needs a large enough window, or the message itself is too long.
  await using gateway = await TestGateway.start({ config: { llm: { contextTokens: 1e8 } } });
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "Long." });
  const frame = frameOf(16 * 1024 * 1024);
  adapter.sendText(frame);
  assert.equal((await adapter.replyTo(requestId, { timeoutMs: 30_000 })).text, "Long.");
  const sent = gateway.llm.requests[0]!.body.messages.at(-1)!.content;
  assert.equal(sent, JSON.parse(frame).content);
});

for (const [limit, bytes] of [[16 * 1024 * 1024, 16 * 1024 * 1024 + 1], [1024, 4096]] as const) {
  Deno.test(`a frame of ${bytes} bytes over a limit of ${limit} is refused with 1009`, async () => {
    await using gateway = await TestGateway.start({ config: { limits: { frameBytes: limit } } });
    await using adapter = await gateway.connect();
    assert.equal(adapter.registered.max_frame_bytes, limit);
    adapter.sendText(frameOf(bytes));
    const error = await adapter.waitFor(({ type }) => type === "error");
    assert.equal(error.code, "frame_too_large");
    assert.match(error.message!, new RegExp(`exceeds ${limit} bytes`));
    assert.equal((await adapter.closed).code, 1009);
    await using again = await gateway.connect();
    assert.equal((await again.replyTo(again.say("Shorter"))).text, "Shorter");
  });
}
