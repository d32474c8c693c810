/**
 * Every way a provider or network can fail: the request ends in exactly one terminal frame with the
 * right code, and the channel goes on.
 */

import assert from "node:assert/strict";
import { within } from "../support/deadline.ts";
import type { Reply } from "../support/llm/reply.ts";
import { type ConfigOverrides, TestGateway } from "../support/test_gateway.ts";

const sse = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;
const delta = (content: string) => ({ choices: [{ index: 0, delta: { content } }] });
const finish = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };

interface Failure {
  readonly name: string;
  /** The model's reply to every request. */
  readonly reply: Reply;
  readonly code: string;
  readonly recoverable: boolean;
  readonly says: RegExp;
  /** Text shown before the failure. */
  readonly shown?: string;
  readonly details?: object;
  readonly llm?: ConfigOverrides["llm"];
}

/** Makes the SDK retry at once. */
const atOnce = { "retry-after-ms": "1" };
const unavailable = { code: "llm_unavailable", recoverable: true } as const;
const timeout = { code: "llm_timeout", recoverable: true, llm: { stallMs: 200 } } as const;

const failures: readonly Failure[] = [
  {
    ...unavailable,
    name: "that rejects the key",
    reply: { status: 401 },
    recoverable: false,
    says: /refused the gateway's key \(401\)/,
    details: { status: 401 },
  },
  {
    ...unavailable,
    name: "that does not exist",
    reply: { status: 404, body: { error: { message: "The model `x` does not exist" } } },
    recoverable: false,
    says: /knows no model "test-model" \(404\)/,
    details: { status: 404 },
  },
  {
    ...unavailable,
    name: "that rejects the request",
    reply: { status: 400 },
    recoverable: false,
    says: /refused the request \(400\)/,
    details: { status: 400 },
  },
  {
    ...unavailable,
    name: "that requires payment",
    reply: { status: 402 },
    recoverable: false,
    says: /account with the model's provider is used up \(402\)/,
    details: { status: 402 },
  },
  {
    name: "whose context is full",
    reply: {
      status: 400,
      body: { error: { message: "too long", code: "context_length_exceeded" } },
    },
    code: "context_too_long",
    recoverable: false,
    says: /too long for model "test-model"/,
  },
  {
    ...unavailable,
    name: "that is always overloaded",
    reply: { status: 429, headers: atOnce },
    says: /429.*later/,
    details: { status: 429 },
  },
  {
    ...unavailable,
    name: "with an internal error",
    reply: { status: 500, headers: atOnce },
    says: /cannot be reached \(500\)/,
    details: { status: 500 },
  },
  {
    ...unavailable,
    name: "whose stream ends early",
    reply: { text: ["Half a ", "sentence"], cut: true },
    says: /broke off/,
    shown: "Half a sentence",
  },
  {
    ...unavailable,
    name: "whose connection is reset",
    reply: { text: "Half a sentence", cut: "reset" },
    says: /again/,
  },
  {
    ...unavailable,
    name: "whose stream is not JSON",
    reply: { raw: [sse(delta("Half")), "data: {broken\n\n"] },
    says: /again/,
    shown: "Half",
  },
  {
    ...unavailable,
    name: "that answers with a web page",
    reply: { raw: ["<html><body>Welcome to the hotel's Wi-Fi</body></html>"] },
    says: /again/,
  },
  {
    ...timeout,
    name: "that never answers",
    reply: { hang: "before-headers" },
    says: /silent for 0\.2 seconds/,
  },
  {
    ...timeout,
    name: "that sends headers only",
    reply: { hang: "after-headers" },
    says: /silent for 0\.2 seconds/,
  },
  {
    ...timeout,
    name: "that goes silent halfway",
    reply: { text: "Half", hang: "mid-stream" },
    says: /silent for 0\.2 seconds/,
    shown: "Half",
  },
  {
    ...timeout,
    name: "that never finishes",
    reply: { text: Array.from({ length: 1000 }, () => "on and "), chunkDelayMs: 10 },
    llm: { totalMs: 200 },
    says: /longer than 0\.2 seconds/,
  },
];

for (const { name, reply, code, recoverable, says, shown, details, llm } of failures) {
  Deno.test(`a model ${name} ends the request with ${code}, and the channel goes on`, async () => {
    await using gateway = await TestGateway.start({ config: { llm } });
    await using adapter = await gateway.connect();
    gateway.llm.when(({ messages }) => messages.at(-1)!.content === "Fail", reply);
    const { frames, text, terminal } = await adapter.replyTo(adapter.say("Fail"));
    assert.equal(frames[0]!.type, "response_start");
    assert.equal(terminal.type, "error");
    assert.equal(terminal.code, code);
    assert.equal(terminal.recoverable, recoverable);
    assert.match(terminal.message!, says);
    assert.deepEqual(terminal.details, details);
    if (shown !== undefined) assert.equal(text, shown);
    // The client rejects frames after the end; the next reply shows that there were none.
    assert.equal((await adapter.replyTo(adapter.say("Go on"))).text, "Go on");
    // No model request is left open.
    await within(
      Promise.all(
        gateway.llm.requests.map((request) =>
          Promise.race([request.finished, request.closedByClient])
        ),
      ),
      { what: "the end of all requests to the model" },
    );
  });
}

Deno.test("no user is shown a provider's details or keys", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const error = { message: "the upstream key sk-upstream-1 of org-7 is wrong", code: "odd" };
  gateway.llm.reply(
    { status: 422, body: { error } },
    { status: 418, body: { error } },
    { raw: [sse({ error })] },
    { raw: [sse({ error })] },
    { raw: [sse({ error })] },
  );
  for (let turn = 0; turn < 3; turn++) {
    const { terminal } = await adapter.replyTo(adapter.say("Hello"));
    assert.equal(terminal.code, "llm_unavailable");
  }
  assert.doesNotMatch(JSON.stringify(adapter.frames), /upstream|org-7/);
});

Deno.test("an overloaded model is retried without anybody noticing", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply(
    { status: 429, headers: atOnce },
    { status: 503, headers: atOnce },
    { text: "Here" },
  );
  const { terminal } = await adapter.replyTo(adapter.say("Hello"));
  assert.equal(terminal.content, "Here");
  assert.equal(gateway.llm.requests.length, 3);
});

Deno.test("a model that no provider has is an error that says so", async () => {
  const unused = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = unused.addr as Deno.NetAddr;
  unused.close();
  await using gateway = await TestGateway.start({
    config: { llm: { baseUrl: `http://127.0.0.1:${port}/v1` } },
  });
  await using adapter = await gateway.connect();
  const { terminal } = await adapter.replyTo(adapter.say("Hello"));
  assert.equal(terminal.code, "llm_unavailable");
  assert.match(terminal.message!, /cannot be reached \(no connection\)/);
});

Deno.test("a character split between two packets arrives intact", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const bytes = new TextEncoder().encode(sse(delta("Grüße 👋")));
  const pieces = Array.from(bytes, (byte) => new Uint8Array([byte]));
  gateway.llm.reply({ raw: [...pieces, sse(finish), "data: [DONE]\n\n"], chunkDelayMs: 1 });
  const { text, terminal } = await adapter.replyTo(adapter.say("Hello"));
  assert.equal(text, "Grüße 👋");
  assert.equal(terminal.content, "Grüße 👋");
});

Deno.test("one delta of a megabyte arrives whole", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const long = "x".repeat(1024 * 1024);
  gateway.llm.reply({ text: long });
  const { text, terminal } = await adapter.replyTo(adapter.say("Much"));
  assert.equal(text, long);
  assert.equal(terminal.content, long);
});

Deno.test("text shown before a failure stays in history, marked as cut off", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "The answer is", cut: true });
  await adapter.replyTo(adapter.say("What is it?"));
  await adapter.replyTo(adapter.say("Go on"));
  const said = gateway.llm.requests[1]!.body.messages.slice(1).map(({ content }) => content);
  assert.deepEqual(said, ["What is it?", "The answer is [cut off]", "Go on"]);
});
