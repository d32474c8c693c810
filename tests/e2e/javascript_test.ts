/**
 * JavaScript written by the model and run in a turn: what it may do, and that nobody else notices.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { lastText } from "../support/llm/chat_request.ts";

/** A gateway that allows running JavaScript. */
async function start(folder: TempFolder): Promise<TestGateway> {
  const toolsFile = join(folder.path, "tools.yaml");
  await Deno.writeTextFile(toolsFile, "rules:\n  - action: allow\n    tools: run_javascript\n");
  return await TestGateway.start({ config: { toolsFile } });
}

const call = (code: string) => ({ toolCalls: [{ name: "run_javascript", arguments: { code } }] });

Deno.test("arithmetic works, and the model is told its value", async () => {
  await using folder = new TempFolder();
  await using gateway = await start(folder);
  gateway.llm.reply(call("let sum = 0; for (let i = 1; i <= 100; i++) sum += i; sum"), {
    text: "It is 5050",
  });
  await using adapter = await gateway.connect();
  const { text, frames } = await adapter.replyTo(adapter.say("Sum up to 100"));
  assert.equal(text, "It is 5050");
  const told = lastText((await gateway.llm.request(1)).body, "tool");
  assert.match(told, /5050/);
  assert.deepEqual(
    frames.filter(({ type }) => type === "tool_status").map(({ status }) => status),
    ["running", "completed"],
  );
});

Deno.test("forbidden code ends in a clear error while other turns stream on", async () => {
  await using folder = new TempFolder();
  await using gateway = await start(folder);
  const { llm } = gateway;
  const attempts = [
    ["Deno.readTextFileSync('/etc/passwd')", /read access/],
    ["await Deno.connect({ port: 80 })", /net access/],
    ["for (;;);", /did not end within 5 seconds/],
    ["const all = []; for (;;) all.push(new Array(1000).fill(1.5))", /memory/],
  ] as const;
  for (const [index, [code]] of attempts.entries()) {
    llm.when(
      (request) =>
        lastText(request) === `attempt ${index}` && request.messages.at(-1)?.role === "user",
      call(code),
    );
  }
  await using adapter = await gateway.connect();
  const ids = attempts.map((_, index) =>
    adapter.say(`attempt ${index}`, { channelId: `channel ${index}` })
  );
  for (const id of ids) {
    await adapter.waitFor(({ type, request_id }) => type === "tool_status" && request_id === id);
  }
  // Whether or not the endless loop runs already, the other turns go on.
  const words = Array.from({ length: 50 }, (_, index) => `word${index} `);
  llm.when((request) => lastText(request) === "stream", { text: words, chunkDelayMs: 1 });
  const { text } = await adapter.replyTo(adapter.say("stream", { channelId: "quiet" }));
  assert.equal(text, words.join(""));
  const loop = ids[2]!;
  assert.ok(
    !adapter.framesOf(loop).some(({ type }) => type === "response_end"),
    "the stream was over before the loop's time was",
  );
  for (const [index, id] of ids.entries()) {
    assert.equal((await adapter.replyTo(id)).terminal.type, "response_end");
    const status = adapter.framesOf(id).find(({ status }) => status === "failed");
    assert.match(String(status?.output_preview), attempts[index]![1]);
  }
});
