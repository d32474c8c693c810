/**
 * Fault 15 after something was shown: it is kept, nothing is repeated, no other model is asked, and
 * the error says so. Also: reasoning and refusals.
 */

import assert from "node:assert/strict";
import type { Reply } from "../support/llm/reply.ts";
import { LlmServer } from "../support/llm/server.ts";
import { ModelsFolder } from "../support/models_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

const sse = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;
const delta = (content: string) => sse({ choices: [{ index: 0, delta: { content } }] });

const breaks: readonly (readonly [name: string, reply: Reply, code: string])[] = [
  ["cut without an end", { text: ["Half a ", "sentence"], cut: true }, "llm_unavailable"],
  ["silent", { text: ["Half a ", "sentence"], hang: "mid-stream" }, "llm_timeout"],
  ["garbled", { raw: [delta("Half a "), delta("sentence"), "data: {oh\n\n"] }, "llm_unavailable"],
  [
    "ended by an error in the stream",
    { raw: [delta("Half a "), delta("sentence"), sse({ error: { message: "overloaded" } })] },
    "llm_unavailable",
  ],
];
for (const [name, reply, code] of breaks) {
  Deno.test(`an answer that is ${name} halfway ends in ${code} and is not restarted`, async () => {
    await using main = LlmServer.start();
    await using backup = LlmServer.start();
    await using folder = new ModelsFolder({
      main: { server: main, provider: { stall_seconds: 0.3 } },
      backup: { server: backup },
    });
    await using gateway = await TestGateway.start({ llm: main, config: folder.config });
    await using adapter = await gateway.connect();
    main.reply(reply);
    const { frames, text, terminal } = await adapter.replyTo(adapter.say("Tell me"));
    assert.equal(terminal.type, "error");
    assert.equal(terminal.code, code);
    assert.equal(terminal.recoverable, true);
    assert.match(terminal.message!, /^The reply is incomplete; the part that arrived was kept\. /);
    assert.equal(text, "Half a sentence");
    assert.equal(frames.filter(({ type }) => type === "response_start").length, 1);
    assert.equal(main.requests.length, 1);
    assert.equal(backup.requests.length, 0);
    // It is in history, marked as cut off.
    await adapter.replyTo(adapter.say("Go on"));
    const said = [...main.requests, ...backup.requests].at(-1)!.body.messages.slice(1);
    assert.deepEqual(said.map(({ content }) => content), [
      "Tell me",
      "Half a sentence [cut off]",
      "Go on",
    ]);
  });
}

Deno.test("a tool call cut off halfway is not run, and another model answers", async () => {
  await using main = LlmServer.start();
  await using backup = LlmServer.start();
  await using folder = new ModelsFolder({ main: { server: main }, backup: { server: backup } });
  await using gateway = await TestGateway.start({ llm: main, config: folder.config });
  await using adapter = await gateway.connect();
  const call = {
    index: 0,
    id: "call_1",
    type: "function",
    function: { name: "current_time", arguments: '{"time' },
  };
  main.reply({ raw: [sse({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })] });
  const { frames, terminal } = await adapter.replyTo(adapter.say("What time is it?"));
  // Nothing of it was shown.
  assert.equal(terminal.content, "What time is it?");
  assert.equal(terminal.model, "backup");
  assert.equal(frames.filter(({ type }) => type.startsWith("tool")).length, 0);
  assert.deepEqual([main.requests.length, backup.requests.length], [1, 1]);
});

Deno.test("a refusal by the model is distinguished from the provider's filter", async () => {
  await using main = LlmServer.start();
  await using backup = LlmServer.start();
  await using folder = new ModelsFolder({ main: { server: main }, backup: { server: backup } });
  await using gateway = await TestGateway.start({ llm: main, config: folder.config });
  await using adapter = await gateway.connect();
  main.reply(
    { refusal: ["I can't ", "help with that."] },
    { finish: "content_filter" },
    { status: 400, body: { error: { message: "filtered", code: "content_filter" } } },
  );
  const refused = await adapter.replyTo(adapter.say("Bad thing"));
  assert.equal(refused.terminal.code, "llm_unavailable");
  assert.equal(refused.terminal.message, "The model declined to answer: I can't help with that.");
  assert.deepEqual(refused.terminal.details, { finish_reason: "refusal" });
  assert.equal(refused.terminal.recoverable, false);
  for (const _ of ["the answer", "the question"]) {
    const { terminal } = await adapter.replyTo(adapter.say("Another bad thing"));
    assert.equal(terminal.code, "llm_unavailable");
    assert.match(terminal.message!, /provider withheld the answer \(its content filter\)/);
    assert.deepEqual(terminal.details, { finish_reason: "content_filter" });
  }
  // Neither is a failure of the model: no cooldown, and no fallback is asked.
  assert.equal((await adapter.replyTo(adapter.say("Hello"))).terminal.model, "main");
  assert.equal(backup.requests.length, 0);
});

for (const reasoningField of ["reasoning_content", "reasoning"] as const) {
  const thinking: Reply = { reasoning: ["Let me ", "think."], reasoningField, text: "It is 4." };

  Deno.test(`a model's reasoning (${reasoningField}) is neither shown nor remembered`, async () => {
    await using gateway = await TestGateway.start();
    await using adapter = await gateway.connect();
    gateway.llm.reply(thinking);
    const { text, terminal } = await adapter.replyTo(adapter.say("2 + 2?"));
    assert.equal(text, "It is 4.");
    assert.equal(terminal.content, "It is 4.");
    await adapter.replyTo(adapter.say("Sure?"));
    const said = gateway.llm.requests[1]!.body.messages.slice(1).map(({ content }) => content);
    assert.deepEqual(said, ["2 + 2?", "It is 4.", "Sure?"]);
  });

  Deno.test(`a model's reasoning (${reasoningField}) is shown if enabled`, async () => {
    await using gateway = await TestGateway.start({ config: { llm: { showReasoning: true } } });
    await using adapter = await gateway.connect();
    gateway.llm.reply(thinking);
    const { text, terminal } = await adapter.replyTo(adapter.say("2 + 2?"));
    assert.equal(text, "💭 Let me think.\n\nIt is 4.");
    assert.equal(terminal.content, text);
  });
}

Deno.test("a model that reasons for a long time is not silent", async () => {
  await using gateway = await TestGateway.start({ config: { llm: { stallMs: 700 } } });
  await using adapter = await gateway.connect();
  const thought = sse({ choices: [{ index: 0, delta: { reasoning_content: "hm " } }] });
  const end = sse({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  gateway.llm.reply({
    raw: [...Array.from({ length: 20 }, () => thought), delta("Four."), end, "data: [DONE]\n\n"],
    chunkDelayMs: 50,
  });
  assert.equal((await adapter.replyTo(adapter.say("2 + 2?"))).text, "Four.");
});
