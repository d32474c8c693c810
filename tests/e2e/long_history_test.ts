/** History with lines larger than the available space. */

import assert from "node:assert/strict";
import { textOf } from "../support/llm/chat_request.ts";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("a huge line is shortened to its beginning and hides no other line", async () => {
  await using gateway = await TestGateway.start({
    config: { limits: { historyTokens: 1000 }, llm: { contextTokens: 1_000_000 } },
  });
  const { llm } = gateway;
  await using adapter = await gateway.connect();
  llm.reply({ text: "Noted" }, { text: "Long" }, { text: "Here" });
  await adapter.replyTo(adapter.say("My cat is called Momo"));
  await adapter.replyTo(adapter.say(`beginning ${"ü".repeat(200_000)}`));
  await adapter.replyTo(adapter.say("What is my cat called?"));
  const texts = (await llm.request(2)).body.messages.slice(1).map(textOf);
  assert.deepEqual(texts.filter((text) => text.length < 100), [
    "My cat is called Momo",
    "Noted",
    "Long",
    "What is my cat called?",
  ]);
  const [long] = texts.filter((text) => text.length >= 100);
  assert.match(long!, /^beginning ü+\n\[the rest of this message is not shown\]$/);
  assert.ok(long!.length < 1000);
});
