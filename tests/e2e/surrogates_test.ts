/** Lone surrogates: neither the model nor the adapter receives any, since both may reject them. */

import assert from "node:assert/strict";
import { TestGateway } from "../support/test_gateway.ts";

/** Half of a surrogate pair as JSON escapes it. */
const half = /\\ud[89a-f]/i;
const emojis = "😀".repeat(200);

Deno.test("a cut through an emoji, or half of one that was sent, does not reach the model", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { toolOutputChars: 301 } } });
  await using adapter = await gateway.connect();
  // Which of the two is cut within a pair depends on the text before it.
  const calls = ["", "a"].map((first, index) => ({
    name: "create_file",
    arguments: { filename: `${index}.txt`, content: first + emojis },
  }));
  const reads = ["0.txt", "1.txt"].map((filename) => ({
    name: "read_file",
    arguments: { filename },
  }));
  gateway.llm.reply(
    { toolCalls: calls },
    { toolCalls: [...reads, { name: "current_time", arguments: { timezone: "\ud83d" } }] },
    { text: "Fine." },
  );
  const id = adapter.say("Half of one: \ud83d", {
    user_name: `a${emojis}`,
    channel_type: "group",
    channel_name: emojis,
    attachments: [{ type: "text", filename: "long.txt", content: "a".repeat(99_999) + emojis }],
  });
  const { frames, terminal } = await adapter.replyTo(id);
  assert.equal(terminal.content, "Fine.");
  assert.equal(gateway.llm.requests.length, 3);
  const sent = JSON.stringify(gateway.llm.requests.map(({ body }) => body));
  assert.equal(half.exec(sent)?.[0], undefined);
  const previews = frames.map((frame) => frame.output_preview).filter((text) => text !== undefined);
  assert.equal(previews.length, 5);
  assert.equal(half.exec(JSON.stringify(previews))?.[0], undefined);
});
