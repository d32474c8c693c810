/** Reads answers, however their bytes are split. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AnswerFailedError,
  AnswerReader,
  AnswerTooLargeError,
} from "../../../src/llm/openai/answer.ts";
import { EventTooLargeError, readEventStream } from "../../../src/llm/openai/event_stream.ts";
import { ProviderError } from "../../../src/llm/openai/provider_error.ts";

const encoder = new TextEncoder();

interface Read {
  text: string;
  reasoning: string;
  calls: unknown;
  reason: string;
  usage: unknown;
  fields: unknown;
}

/** Reads a whole body that arrives in these pieces. */
async function readPieces(pieces: readonly Uint8Array[]): Promise<Read> {
  const reader = new AnswerReader();
  let text = "";
  let reasoning = "";
  async function* body() {
    for (const piece of pieces) yield await Promise.resolve(piece);
  }
  const events = readEventStream(body(), { onBytes: () => {}, maxEventChars: 100_000 });
  for await (const batch of events) {
    for (const data of batch) {
      const delta = reader.read(data);
      text += delta.text;
      reasoning += delta.reasoning;
    }
  }
  const end = reader.end();
  return {
    text: text + end.text,
    reasoning: reasoning + end.reasoning,
    calls: end.calls,
    reason: end.reason,
    usage: reader.usage,
    fields: end.fields,
  };
}

const read = (body: string) => readPieces([encoder.encode(body)]);
const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const delta = (delta: unknown, finish: unknown = null, more: object = {}) =>
  event({ choices: [{ index: 0, delta, finish_reason: finish }], ...more });

/** Bodies as providers send them; a failed run of the fuzz test adds its own. */
const corpus: readonly { readonly name: string; readonly body: string }[] = [
  {
    name: "text, an emoji, usage, [DONE]",
    body: delta({ role: "assistant", content: "Grüße 👋 " }) + delta({ content: "aus 東京" }) +
      delta({}, "stop") +
      event({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } }) +
      "data: [DONE]\n\n",
  },
  {
    name: "a BOM, CRLF, comments, ids, retry and no [DONE]",
    body: "\ufeff: hi\r\n\r\nevent: message\r\nid: 1\r\n" +
      delta({ content: "A" }).replaceAll("\n", "\r\n") + "retry: 10\r\n\r\n" +
      delta({ content: "B" }, "stop").replaceAll("\n", "\r\n"),
  },
  {
    name: "reasoning, text and two calls in pieces",
    body: delta({ reasoning_content: "Let me " }) + delta({ reasoning_content: "see." }) +
      delta({ content: "Looking." }) +
      delta({ tool_calls: [{ index: 0, id: "a", function: { name: "time", arguments: "" } }] }) +
      delta({ tool_calls: [{ index: 1, id: "b", function: { name: "read", arguments: '{"n' } }] }) +
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"z":1}' } }] }) +
      delta({ tool_calls: [{ index: 1, function: { arguments: '":2}' } }] }) +
      delta({}, "tool_calls"),
  },
  {
    name: "a think block and content in parts",
    body: delta({ content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }) +
      delta({ content: [{ type: "text", text: "<think>more</think>" }] }) +
      delta({ content: "Yes." }, "stop"),
  },
  { name: "no blank line after the last event", body: delta({ content: "x" }, "stop").trimEnd() },
  {
    name: "events without blank lines between them",
    body: (delta({ content: "x" }) + delta({ content: "y" }, "stop")).replaceAll("\n\n", "\n"),
  },
];

for (const { name, body } of corpus) {
  Deno.test(`the answer is the same for every split of its bytes: ${name}`, async () => {
    const whole = await read(body);
    assert(!JSON.stringify(whole).includes("[object Object]"));
    const bytes = encoder.encode(body);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: bytes.length }), { maxLength: 30 }), async (cuts) => {
        const points = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
        const pieces = points.slice(1).map((end, index) => bytes.slice(points[index], end));
        assert.deepEqual(await readPieces(pieces), whole);
      }),
      { seed: 7, numRuns: 60 },
    );
    assert.deepEqual(await readPieces([...bytes].map((byte) => Uint8Array.of(byte))), whole);
  });
}

Deno.test("comments, empty events and unknown fields between the events change nothing", async () => {
  const noise = fc.constantFrom(
    ": ping\n\n",
    "\n",
    "event: ping\ndata: {}\n\n",
    "data: \n\n",
    "data: ping\n\n",
    "x-unknown: 1\n\n",
    event({ id: "x", choices: null }),
    event({ choices: [{ index: 0, delta: null, finish_reason: "" }] }),
    event({ choices: [{ index: 0, delta: { content: null, tool_calls: null, odd: null } }] }),
    event([]),
    event({ choices: [], prompt_filter_results: [{}] }),
  );
  for (const { body } of corpus.slice(0, 3)) {
    const whole = await read(body);
    const events = body.split(/(?<=\n\n)/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(noise, { maxLength: 3 }), { minLength: 1, maxLength: events.length }),
        async (noises) => {
          const noisy = events.map((text, index) => (noises[index] ?? []).join("") + text).join("");
          assert.deepEqual(await read(noisy), whole);
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  }
});

Deno.test("whatever a server sends, reading ends with an answer or a known error", async () => {
  const anything = fc.oneof(
    fc.json().map((json) => `data: ${json}\n\n`),
    fc.anything({ maxDepth: 3 }).map((value) =>
      event({ choices: [{ delta: value, message: value, finish_reason: value }], usage: value })
    ),
    fc.anything({ maxDepth: 3 }).map((value) => delta({ content: value, tool_calls: value })),
    fc.anything({ maxDepth: 2 }).map((value) =>
      delta({
        tool_calls: [{ index: value, id: value, function: { name: value, arguments: value } }],
      })
    ),
    fc.string().map((text) => `${text}\n`),
    fc.constant("data: [DONE]\n\n"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { maxLength: 8 }), async (events) => {
      try {
        const answer = await read(events.join(""));
        assert.equal(typeof answer.text, "string");
        assert(!answer.text.includes("[object Object]"));
      } catch (error) {
        const known = error instanceof AnswerFailedError || error instanceof ProviderError ||
          error instanceof SyntaxError;
        if (!known) throw error;
      }
    }),
    { seed: 7, numRuns: 1_000 },
  );
});

Deno.test("[DONE] ends an answer without a finish_reason, a cut connection does not", async () => {
  const body = delta({ content: "All" });
  assert.equal((await read(`${body}data: [DONE]\n\n`)).reason, "stop");
  await assert.rejects(read(body), (error: AnswerFailedError) => error.kind === "cut");
});

const failing = ["error", "network_error", "insufficient_system_resource", "abort", "my_error"];
for (const reason of failing) {
  Deno.test(`finish_reason "${reason}" is a failure, not a short answer`, async () => {
    await assert.rejects(
      read(delta({ content: "The" }, reason)),
      (error: AnswerFailedError) => error.kind === "failure",
    );
  });
}

const spellings: Readonly<Record<string, string>> = {
  STOP: "stop",
  end_turn: "stop",
  eos: "stop",
  MAX_TOKENS: "length",
  model_length: "length",
  SAFETY: "content_filter",
  sensitive: "content_filter",
  tool_use: "tool_calls",
  whatever: "other",
};
for (const [spelling, reason] of Object.entries(spellings)) {
  Deno.test(`finish_reason "${spelling}" means ${reason}`, async () => {
    assert.equal((await read(delta({ content: "x" }, spelling))).reason, reason);
  });
}

Deno.test("an error object in the stream is an error with the provider's message and code", async () => {
  const bodies = [
    event({ error: { message: "Overloaded", code: 503 } }),
    event({ object: "error", message: "Overloaded", code: 503 }),
    event({ choices: [{ delta: {}, error: { message: "Overloaded", code: 503 } }] }),
    event({ error: "Overloaded" }),
  ];
  for (const body of bodies) {
    await assert.rejects(
      read(delta({ content: "x" }) + body),
      (error: ProviderError) => error.inStream && error.text === "Overloaded",
    );
  }
});

Deno.test("an endless event is aborted at the limit", async () => {
  const line = "data: ".padEnd(200_000, "x");
  await assert.rejects(read(line), EventTooLargeError);
});

Deno.test("more tool calls than the limit end the answer", async () => {
  const calls = Array.from(
    { length: 200 },
    (_, index) =>
      delta({
        tool_calls: [{ index, id: `c${index}`, function: { name: "time", arguments: "{}" } }],
      }),
  );
  await assert.rejects(read(calls.join("")), AnswerTooLargeError);
});

Deno.test("fields to send back to the provider are assembled", async () => {
  const { fields, calls } = await read(
    delta({ reasoning_content: "a" }) + delta({ reasoning_content: "b" }) +
      delta({ reasoning_details: [{ type: "x", data: "1" }] }) +
      delta({ reasoning_details: [{ type: "x", data: "2" }] }) +
      delta({
        tool_calls: [{
          index: 0,
          id: "a",
          function: { name: "time", arguments: "{}" },
          extra_content: { google: { thought_signature: "sig" } },
        }],
      }, "tool_calls"),
  );
  assert.deepEqual(fields, {
    reasoning_content: "ab",
    reasoning_details: [{ type: "x", data: "1" }, { type: "x", data: "2" }],
  });
  assert.deepEqual(calls, [{
    id: "a",
    name: "time",
    arguments: "{}",
    fields: { extra_content: { google: { thought_signature: "sig" } } },
  }]);
});
