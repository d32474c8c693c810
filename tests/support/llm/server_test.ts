import assert from "node:assert/strict";
import OpenAI from "openai";
import { Gate } from "../gate.ts";
import { LlmServer } from "./server.ts";

const messages = [{ role: "user" as const, content: "Say it back" }];
const tools = [{
  type: "function" as const,
  function: { name: "look", description: "Looks", parameters: { type: "object" } },
}];

function clientOf(server: LlmServer): OpenAI {
  return new OpenAI({ apiKey: "test-key", baseURL: server.url, maxRetries: 0 });
}

function stream(client: OpenAI, signal?: AbortSignal) {
  return client.chat.completions.create({
    model: "test-model",
    messages,
    tools,
    stream: true,
    stream_options: { include_usage: true },
  }, { signal });
}

Deno.test("an unscripted server echoes the user's last message, whole or streamed", async () => {
  await using server = LlmServer.start();
  const client = clientOf(server);
  const whole = await client.chat.completions.create({ model: "test-model", messages });
  assert.equal(whole.choices[0]?.message.content, "Say it back");
  assert.equal(whole.usage?.total_tokens, 18);
  let text = "";
  for await (const chunk of await stream(client)) text += chunk.choices[0]?.delta.content ?? "";
  assert.equal(text, "Say it back");
});

Deno.test("a streamed text arrives delta by delta, then the finish, then the usage", async () => {
  await using server = LlmServer.start();
  server.reply({
    text: ["Hel", "lo ", "wörld"],
    finish: "length",
    usage: { prompt_tokens: 3, completion_tokens: 2 },
  });
  const chunks = [];
  for await (const chunk of await stream(clientOf(server))) chunks.push(chunk);
  const deltas = chunks.map((chunk) => chunk.choices[0]?.delta.content);
  assert.deepEqual(deltas, ["", "Hel", "lo ", "wörld", undefined, undefined]);
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, "length");
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.equal(chunks.at(-1)?.usage?.total_tokens, 5);
  const { body, headers, finished } = await server.nextRequest();
  await finished;
  assert.equal(body.model, "test-model");
  assert.equal(headers.get("authorization"), "Bearer test-key");
});

Deno.test("tool calls arrive in pieces that join to the scripted calls", async () => {
  await using server = LlmServer.start();
  server.reply({
    toolCalls: [
      { id: "a", name: "look", arguments: { at: "the moon", zoom: 2 } },
      { name: "look", arguments: '{"broken' },
    ],
  });
  const calls: { id: string; name: string; arguments: string }[] = [];
  let finish: string | null | undefined;
  let pieces = 0;
  for await (const chunk of await stream(clientOf(server))) {
    for (const { index, id, function: part } of chunk.choices[0]?.delta.tool_calls ?? []) {
      const call = calls[index] ??= { id: id!, name: part?.name ?? "", arguments: "" };
      call.arguments += part?.arguments ?? "";
      pieces++;
    }
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  assert.equal(finish, "tool_calls");
  assert.equal(pieces, 8);
  assert.deepEqual(calls, [
    { id: "a", name: "look", arguments: '{"at":"the moon","zoom":2}' },
    { id: "call_0_1", name: "look", arguments: '{"broken' },
  ]);
});

Deno.test("rules come before the queue, the queue before the script", async () => {
  await using server = LlmServer.start({
    script: (_, index) => ({ text: `script ${index}` }),
  });
  server.reply({ text: "queued" })
    .when(({ model }) => model === "special", (request) => ({ text: `rule for ${request.model}` }));
  const client = clientOf(server);
  const ask = async (model: string) => {
    const answer = await client.chat.completions.create({ model, messages });
    return answer.choices[0]?.message.content;
  };
  assert.equal(await ask("special"), "rule for special");
  assert.equal(await ask("other"), "queued");
  assert.equal(await ask("other"), "script 2");
  assert.equal(server.requests.length, 3);
});

Deno.test("an HTTP error reaches the client with its status, body and headers", async () => {
  await using server = LlmServer.start();
  server.reply({ status: 429, headers: { "retry-after": "7" } }, {
    status: 404,
    body: { error: { message: "no such model", code: "model_not_found" } },
  });
  const client = clientOf(server);
  await assert.rejects(stream(client), (error) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.headers.get("retry-after"), "7");
    return true;
  });
  await assert.rejects(stream(client), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, "model_not_found");
    return true;
  });
});

const waits = [
  { name: "hangs before its headers", reply: { hang: "before-headers" } },
  { name: "hangs after its headers", reply: { hang: "after-headers" } },
  { name: "hangs in the middle", reply: { text: ["a", "b"], hang: "mid-stream" } },
  { name: "waits at its first gate", reply: { text: "a", gate: new Gate().opened } },
  {
    name: "waits at a later gate",
    reply: { text: ["a", "b"], gateAfter: { chunks: 1, until: new Gate().opened } },
  },
  { name: "pauses between deltas", reply: { text: ["a", "b"], chunkDelayMs: 60_000 } },
] as const;

for (const { name, reply } of waits) {
  Deno.test(`the server notices a client that leaves while the answer ${name}`, async () => {
    await using server = LlmServer.start();
    server.reply(reply);
    const leave = new AbortController();
    const reading = (async () => {
      for await (const _ of await stream(clientOf(server), leave.signal)) { /* only read */ }
    })().catch(() => {});
    const request = await server.nextRequest();
    assert.equal(server.active, 1);
    leave.abort();
    await request.closedByClient;
    assert.equal(server.active, 0);
    await reading;
  });
}

Deno.test("a gate holds back the rest of the answer until it opens", async () => {
  await using server = LlmServer.start();
  const gate = new Gate();
  server.reply({ text: ["one", "two"], gateAfter: { chunks: 1, until: gate.opened } });
  const seen: string[] = [];
  for await (const chunk of await stream(clientOf(server))) {
    const text = chunk.choices[0]?.delta.content;
    if (!text) continue;
    seen.push(text);
    assert.equal(gate.isOpen, seen.length > 1);
    if (text === "one") gate.open();
  }
  assert.deepEqual(seen, ["one", "two"]);
});

Deno.test("a cut stream ends without a finish, a reset one with an error", async () => {
  await using server = LlmServer.start();
  server.reply({ text: "half", cut: true }, { text: "half", cut: "reset" });
  const client = clientOf(server);
  let finish: string | null | undefined;
  for await (const chunk of await stream(client)) finish ??= chunk.choices[0]?.finish_reason;
  assert.equal(finish, null);
  await assert.rejects(async () => {
    for await (const _ of await stream(client)) { /* only read */ }
  });
});

Deno.test("raw bytes are sent as they are, even a character split in two", async () => {
  await using server = LlmServer.start();
  const line = 'data: {"choices":[{"index":0,"delta":{"content":"ö"}}]}\n\n';
  const bytes = new TextEncoder().encode(line);
  const at = bytes.indexOf(0xc3) + 1;
  server.reply({
    raw: [bytes.slice(0, at), bytes.slice(at), "data: [DONE]\n\n"],
    chunkDelayMs: 5,
  });
  let text = "";
  for await (const chunk of await stream(clientOf(server))) {
    text += chunk.choices[0]?.delta.content ?? "";
  }
  assert.equal(text, "ö");
});

Deno.test("the server counts its active requests and their peak", async () => {
  await using server = LlmServer.start();
  const gate = new Gate();
  server.when(() => true, { text: "x", gate: gate.opened });
  const client = clientOf(server);
  const all = [1, 2, 3].map(async () => {
    for await (const _ of await stream(client)) { /* only read */ }
  });
  await server.request(2);
  assert.equal(server.active, 3);
  gate.open();
  await Promise.all(all);
  await Promise.all(server.requests.map(({ finished }) => finished));
  assert.equal(server.active, 0);
  assert.equal(server.peak, 3);
});

Deno.test("waiting for a request that never arrives fails with a helpful message", async () => {
  await using server = LlmServer.start();
  await assert.rejects(
    server.request(0, { timeoutMs: 1 }),
    /Timed out after 1 ms waiting for request 0 to the LLM server/,
  );
});

Deno.test("a server can be stopped in the middle of any kind of answer", async () => {
  const server = LlmServer.start();
  server.reply(...waits.map(({ reply }) => reply));
  const client = clientOf(server);
  const all = Promise.allSettled(waits.map(async () => {
    for await (const _ of await stream(client)) { /* only read */ }
  }));
  await server.request(waits.length - 1);
  await server[Symbol.asyncDispose]();
  const results = await all;
  assert.ok(results.every(({ status }) => status === "rejected"));
});
