/** Reads answers by their content, not by their content type. */

import assert from "node:assert/strict";
import { OpenAiProvider } from "../../../src/llm/openai/provider.ts";
import { RequestShape } from "../../../src/llm/openai/request_shape.ts";
import type { Reply } from "../../support/llm/reply.ts";
import { LlmServer } from "../../support/llm/server.ts";

/** What a model says, and how long it takes, milliseconds. */
async function read(reply: Reply): Promise<{ readonly text: string; readonly ms: number }> {
  await using llm = LlmServer.start();
  llm.reply(reply);
  const provider = { name: "p", baseUrl: llm.url, headers: {}, stallMs: 3_000, totalMs: 6_000 };
  const startedAt = performance.now();
  const events = await Array.fromAsync(
    new OpenAiProvider(provider).stream({
      model: { name: "m", id: "m", provider },
      request: { tier: "mid", messages: [{ role: "user", content: "Hello" }], tools: [] },
      shape: new RequestShape(),
      leftMs: 6_000,
      showReasoning: false,
      signal: new AbortController().signal,
    }),
  );
  const text = events.map((event) => event.type === "text" ? event.text : "").join("");
  assert.equal(events.at(-1)!.type, "finish");
  return { text, ms: performance.now() - startedAt };
}

const sse = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;
const delta = (content: string) => sse({ choices: [{ index: 0, delta: { content } }] });
const finish = sse({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
const whole = { choices: [{ index: 0, message: { role: "assistant", content: "Whole." } }] };

for (const type of ["text/event-stream", "text/plain", "application/json"]) {
  const headers = { "content-type": type };

  Deno.test(`one JSON object with content type ${type} is an answer`, async () => {
    const raw = ["\n\n", "  \n", JSON.stringify(whole)];
    assert.equal((await read({ raw, headers })).text, "Whole.");
  });

  Deno.test(`an event stream with content type ${type} is read as it arrives`, async () => {
    const raw = ["\uFEFF", ": hello\n\n", delta("A"), delta("B"), finish, "data: [DONE]\n\n"];
    const { text, ms } = await read({ raw, headers, hang: "mid-stream" });
    assert.equal(text, "AB");
    assert.ok(ms < 2_000, "nobody waits for the connection to close");
  });
}

Deno.test("heartbeats after the end do not keep an answer open", async () => {
  const heartbeats = Array.from({ length: 60 }, () => sse({ choices: [] }));
  const { text, ms } = await read({ raw: [delta("A"), finish, ...heartbeats], chunkDelayMs: 50 });
  assert.equal(text, "A");
  assert.ok(ms < 2_000, `${ms} ms`);
});

Deno.test("a server that sends finish_reason with every chunk is read to its end", async () => {
  const piece = (content: string) =>
    sse({ choices: [{ index: 0, delta: { content }, finish_reason: "stop" }] });
  const raw = ["A", "B", "C", "D"].map(piece);
  assert.equal((await read({ raw, chunkDelayMs: 300 })).text, "ABCD");
});
