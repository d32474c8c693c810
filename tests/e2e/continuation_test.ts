/** Answers that stop early: cut off, ending in a question, filtered or empty. */

import assert from "node:assert/strict";
import { textOf } from "../support/llm/chat_request.ts";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("an answer cut off for its length is continued seamlessly", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    { text: ["The quick brown ", "fox ju"], finish: "length" },
    { text: ["mps over", " the lazy dog."] },
  );
  const { text, terminal, frames } = await adapter.replyTo(adapter.say("Go"));
  assert.equal(terminal.content, "The quick brown fox jumps over the lazy dog.");
  assert.equal(text, terminal.content);
  assert.equal(terminal.finish_reason, "stop");
  assert.deepEqual(terminal.usage, { input_tokens: 22, output_tokens: 14 });
  assert.equal(frames.filter(({ type }) => type === "response_start").length, 1);
  const [asked, begun, prompt] = gateway.llm.requests[1]!.body.messages.slice(-3);
  assert.equal(textOf(asked!), "Go");
  assert.equal(textOf(begun!), "The quick brown fox ju");
  assert.equal(begun!.role, "assistant");
  assert.match(textOf(prompt!), /cut off/);

  await adapter.replyTo(adapter.say("Next"));
  const said = gateway.llm.requests[2]!.body.messages.slice(1).map(textOf);
  assert.deepEqual(said, ["Go", terminal.content, "Next"]);
});

Deno.test("a continuation that repeats the last words does not show them twice", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    { text: "Once upon a time there was a pr", finish: "length" },
    { text: ["there", " was ", "a princess", " in a tower."] },
  );
  const { text, terminal } = await adapter.replyTo(adapter.say("Tell"));
  assert.equal(terminal.content, "Once upon a time there was a princess in a tower.");
  assert.equal(text, terminal.content);
});

Deno.test("an answer is continued a limited number of times, then ends as cut off", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { continuations: 2 } } });
  await using adapter = await gateway.connect();
  gateway.llm.when(() => true, (_, index) => ({ text: `part ${index}. `, finish: "length" }));
  const { terminal } = await adapter.replyTo(adapter.say("Never end"));
  assert.equal(terminal.content, "part 0. part 1. part 2. ");
  assert.equal(terminal.finish_reason, "length");
  assert.equal(gateway.llm.requests.length, 3);
});

Deno.test("a continuation may call a tool, and the text before it is kept", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    { text: "I shall ", finish: "length" },
    { text: "look.", toolCalls: [{ name: "current_time", arguments: {} }] },
    { text: "Noon." },
  );
  const { terminal } = await adapter.replyTo(adapter.say("Time?"));
  assert.equal(terminal.content, "I shall look.\n\nNoon.");
  const called = gateway.llm.requests[2]!.body.messages.at(-2)!;
  assert.equal(textOf(called), "I shall look.");
});

Deno.test("a question for permission is left to the user by default", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "I found two files. Shall I proceed?" });
  const { terminal } = await adapter.replyTo(adapter.say("Clean up"));
  assert.equal(terminal.content, "I found two files. Shall I proceed?");
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("with auto-proceed, a question for permission is answered with yes, three times", async () => {
  await using gateway = await TestGateway.start({ config: { autoProceed: true } });
  await using adapter = await gateway.connect();
  gateway.llm.when(() => true, (_, index) => ({ text: `Step ${index}. Shall I proceed?` }));
  const { terminal } = await adapter.replyTo(adapter.say("Clean up"));
  assert.equal(gateway.llm.requests.length, 4);
  assert.equal(
    terminal.content,
    [0, 1, 2, 3].map((step) => `Step ${step}. Shall I proceed?`).join("\n\n"),
  );
  const [question, yes] = gateway.llm.requests[1]!.body.messages.slice(-2);
  assert.deepEqual([question!.role, textOf(question!)], [
    "assistant",
    "Step 0. Shall I proceed?",
  ]);
  assert.deepEqual([yes!.role, textOf(yes!)], ["user", "Yes, please proceed."]);
});

Deno.test("an answer filtered halfway ends with the reason", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "First you take", finish: "content_filter" });
  const { terminal } = await adapter.replyTo(adapter.say("Bad thing"));
  assert.equal(terminal.type, "response_end");
  assert.equal(terminal.content, "First you take");
  assert.equal(terminal.finish_reason, "content_filter");
});

Deno.test("an answer that was withheld is an error that says so", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ finish: "content_filter" });
  const { terminal } = await adapter.replyTo(adapter.say("Worse thing"));
  assert.equal(terminal.code, "llm_unavailable");
  assert.match(terminal.message!, /withheld/);
  assert.deepEqual(terminal.details, { finish_reason: "content_filter" });
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("an empty answer is requested once more", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "" }, { text: "Here I am." });
  const { terminal } = await adapter.replyTo(adapter.say("Hello?"));
  assert.equal(terminal.content, "Here I am.");
  assert.equal(gateway.llm.requests.length, 2);
});

Deno.test("two empty answers are an error, and the channel goes on", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "" }, { text: "" });
  const { terminal } = await adapter.replyTo(adapter.say("Hello?"));
  assert.equal(terminal.code, "llm_unavailable");
  assert.equal(terminal.recoverable, true);
  assert.match(terminal.message!, /empty/);
  assert.equal((await adapter.replyTo(adapter.say("Now?"))).text, "Now?");
});
