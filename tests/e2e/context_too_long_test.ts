/** Requests that exceed the model's window, by our count or the provider's. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type ChatRequest, lastText, textOf } from "../support/llm/chat_request.ts";
import type { Reply } from "../support/llm/reply.ts";
import { requestTokens } from "../support/llm/request_tokens.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** The error in OpenAI's format. */
const tooLong: Reply = {
  status: 400,
  body: {
    error: {
      message: "This model's maximum context length is 4000 tokens.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded",
    },
  },
};

const isSummary = ({ messages }: ChatRequest) =>
  textOf(messages[0]!).startsWith("You keep the notes");

function text(word: string, tokens: number): string {
  return word + " and".repeat(tokens - 1);
}

Deno.test("a request the provider finds too long is retried with less history", async () => {
  await using gateway = await TestGateway.start();
  const { llm } = gateway;
  await using adapter = await gateway.connect();
  llm.when((request) => requestTokens(request) > 4_000, tooLong);
  for (let turn = 1; turn <= 10; turn++) {
    const { terminal } = await adapter.replyTo(adapter.say(text(`turn-${turn}`, 300)));
    assert.equal(terminal.type, "response_end");
  }
  const [refused, accepted] = llm.requests.slice(-2).map(({ body }) => body);
  assert.ok(requestTokens(refused!) > 4_000);
  assert.ok(requestTokens(accepted!) < requestTokens(refused!) * 0.6);
  assert.equal(textOf(accepted!.messages[0]!), textOf(refused!.messages[0]!));
  assert.equal(lastText(accepted!), text("turn-10", 300));
  const oldest = textOf(accepted!.messages[1]!);
  assert.ok(!oldest.startsWith("turn-1 "), "the oldest lines went");
});

Deno.test("it is retried only once; then the error says what to do", async () => {
  await using gateway = await TestGateway.start();
  const { llm } = gateway;
  await using adapter = await gateway.connect();
  for (const word of ["one", "two"]) await adapter.replyTo(adapter.say(text(word, 500)));
  llm.when(() => true, tooLong);
  const { terminal } = await adapter.replyTo(adapter.say("three"));
  assert.equal(terminal.type, "error");
  assert.equal(terminal.code, "context_too_long");
  assert.match(terminal.message!, /Send a shorter message/);
  assert.equal(llm.requests.length, 4);
});

Deno.test("if nothing can be left out, it is not retried", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when(() => true, tooLong);
  const { terminal } = await adapter.replyTo(adapter.say("Hello"));
  assert.equal(terminal.code, "context_too_long");
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("a message that is too long by itself is refused without a request; the next one is answered", async () => {
  await using gateway = await TestGateway.start({ config: { llm: { contextTokens: 8_000 } } });
  await using adapter = await gateway.connect();
  const attachments = [{ type: "text", filename: "a.txt", content: text("long", 9_000) }];
  const { terminal } = await adapter.replyTo(adapter.say("Read this", { attachments }));
  assert.equal(terminal.type, "error");
  assert.equal(terminal.code, "context_too_long");
  assert.match(terminal.message!, /about 9\d{3} tokens.*room for [1-5]\d{3}.*fewer attachments/);
  assert.equal(terminal.recoverable, false);
  assert.equal(gateway.llm.requests.length, 0);
  const next = await adapter.replyTo(adapter.say("Then tell me a joke"));
  assert.equal(next.terminal.type, "response_end");
  assert.ok(requestTokens(gateway.llm.requests[0]!.body) <= 6_000);
});

Deno.test("if tool results exceed the window, older ones are shortened and none is lost", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(
    join(folder.path, "client.ts"),
    `export default function (gateway) {
      gateway.tool({
        name: "talk",
        description: "Says a lot",
        run: () => "beginning" + " and so on".repeat(600),
      });
    }`,
  );
  await using gateway = await TestGateway.start({
    config: { llm: { contextTokens: 8_000 }, hooksDir: folder.path },
  });
  const { llm } = gateway;
  await using adapter = await gateway.connect();
  const rounds = 12;
  llm.when(isSummary, { text: "Notes." });
  await adapter.replyTo(adapter.say(text("before", 500)));
  llm.reply(
    ...Array.from({ length: rounds }, () => ({ toolCalls: [{ name: "talk", arguments: {} }] })),
    { text: "That was a lot." },
  );
  const { terminal } = await adapter.replyTo(adapter.say("Talk"));
  assert.equal(terminal.type, "response_end", JSON.stringify(terminal));
  assert.equal(terminal.tool_count, rounds);
  const requests = llm.requests.map(({ body }) => body).filter((body) => !isSummary(body));
  for (const body of requests) {
    assert.ok(requestTokens(body) <= 6_000, String(requestTokens(body)));
    assert.match(textOf(body.messages[0]!), /^You are Clara/);
    assert.ok(body.messages.some((message) => textOf(message) === "Talk") || body === requests[0]);
  }
  const results = requests.at(-1)!.messages.filter(({ role }) => role === "tool").map(textOf);
  assert.equal(results.length, rounds);
  assert.ok(results.every((result) => result.startsWith("beginning")));
  assert.match(results[0]!, /\[\d+ characters were left out\]$/);
  assert.ok(!results.at(-1)!.includes("left out"), "the newest is whole");
});
