/** Puts messages into the order that the strictest provider accepts. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { LlmMessage } from "../../../src/llm/client.ts";
import {
  fillers,
  orderMessages,
  shortenIds,
  type WireMessage,
  withoutImages,
  withoutSystem,
  withoutTools,
} from "../../../src/llm/openai/wire_messages.ts";

/** The rules of Mistral, Anthropic, Google and the templates of local models together. */
function violations(messages: readonly WireMessage[]): string[] {
  const found: string[] = [];
  const ids = new Set<string>();
  let expected: string[] = [];
  const [first, ...others] = messages.filter(({ role }) => role !== "system");
  if (messages.slice(1).some(({ role }) => role === "system")) found.push("late system message");
  if (first?.role !== "user") found.push("does not begin with a user message");
  if (!["user", "tool"].includes(messages.at(-1)!.role)) found.push("ends with the assistant");
  let before = first!;
  const check = (message: WireMessage) => {
    if (message.role === "assistant") {
      for (const { id } of message.calls) {
        if (!/^[A-Za-z0-9_-]{1,40}$/.test(id)) found.push(`id "${id}"`);
        if (ids.has(id)) found.push(`id "${id}" twice`);
        ids.add(id);
      }
      expected = message.calls.map(({ id }) => id);
      if (message.content === "" && message.calls.length === 0) found.push("empty assistant");
    } else if (message.role === "tool") {
      if (message.callId !== expected.shift()) found.push(`result of "${message.callId}"`);
      if (message.content === "") found.push("empty result");
    } else if (message.content === "" || message.content.length === 0) found.push("empty user");
  };
  for (const message of others) {
    if (message.role !== "tool" && expected.length > 0) found.push("call without a result");
    if (message.role === "user" && before.role === "tool") found.push("user after tool");
    if (message.role !== "tool" && message.role === before.role) found.push(`two ${before.role}`);
    check(message);
    before = message;
  }
  if (expected.length > 0) found.push("call without a result at the end");
  return found;
}

const text = fc.oneof(fc.constant(""), fc.constant("  "), fc.string({ maxLength: 8 }));
const id = fc.oneof(
  fc.constantFrom("", "call_1", "functions.time:0", "call_1", "a".repeat(60), "9chars999"),
  fc.string({ maxLength: 6 }),
);
const call = fc.record({ id, name: fc.constantFrom("time", "read"), arguments: text });
const message: fc.Arbitrary<LlmMessage> = fc.oneof(
  fc.record({ role: fc.constant("system" as const), content: text }),
  fc.record({
    role: fc.constant("user" as const),
    content: fc.oneof(
      text,
      fc.array(
        fc.oneof(
          fc.record({ type: fc.constant("text" as const), text }),
          fc.record({ type: fc.constant("image" as const), url: fc.constant("data:image/png,") }),
        ),
        { maxLength: 3 },
      ),
    ),
    speaker: fc.option(fc.constantFrom("Ann", "Bob"), { nil: undefined }),
  }),
  fc.record({
    role: fc.constant("assistant" as const),
    content: text,
    toolCalls: fc.option(fc.array(call, { maxLength: 3 }), { nil: undefined }),
  }),
  fc.record({ role: fc.constant("tool" as const), callId: id, content: text }),
);

Deno.test("any history becomes a request that the strictest provider accepts", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 14 }), (history) => {
      assert.deepEqual(violations(orderMessages(history)), []);
    }),
    { seed: 7, numRuns: 2_000 },
  );
});

Deno.test("a history in order stays as it is", () => {
  const history: LlmMessage[] = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Time?" },
    {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "call_1", name: "time", arguments: "{}" }],
    },
    { role: "tool", callId: "call_1", content: "noon" },
    { role: "assistant", content: "Noon." },
    { role: "user", content: "Thanks" },
  ];
  assert.deepEqual(
    orderMessages(history).map(({ role, content }) => [role, content]),
    history.map(({ role, content }) => [role, content]),
  );
});

Deno.test("the variants for models without tools, system messages or images keep the order", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 10 }), (history) => {
      const ordered = orderMessages(history);
      const plain = withoutImages(withoutSystem(withoutTools(ordered)), "[image]");
      assert.deepEqual(violations(plain), []);
      assert(plain.every((message) => message.role === "user" || message.role === "assistant"));
      assert(plain.every(({ content }) => typeof content === "string"));
    }),
    { seed: 7 },
  );
});

Deno.test("short ids are nine letters and digits, and still belong together", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 10 }), (history) => {
      const short = shortenIds(orderMessages(history));
      assert.deepEqual(violations(short), []);
      for (const message of short) {
        const ids = message.role === "tool"
          ? [message.callId]
          : message.role === "assistant"
          ? message.calls.map(({ id }) => id)
          : [];
        ids.forEach((id) => assert.match(id, /^[A-Za-z0-9]{9}$/));
      }
    }),
    { seed: 7 },
  );
});

Deno.test("two calls with one id keep their own results", () => {
  const calls = [0, 1].map(() => ({ id: "same", name: "time", arguments: "{}" }));
  const ordered = orderMessages([
    { role: "user", content: "?" },
    { role: "assistant", content: "", toolCalls: calls },
    { role: "tool", callId: "same", content: "first" },
    { role: "tool", callId: "same", content: "second" },
  ]);
  assert.deepEqual(
    ordered.slice(2).map(({ content }) => content),
    ["first", "second"],
  );
  assert.equal(
    new Set(ordered.slice(2).map((result) => "callId" in result && result.callId)).size,
    2,
  );
});

Deno.test("a message that joins after tool results is set apart from them", () => {
  const ordered = orderMessages([
    { role: "user", content: "?" },
    {
      role: "assistant",
      content: "",
      toolCalls: [{ id: "a", name: "time", arguments: "{}" }],
    },
    { role: "tool", callId: "a", content: "noon" },
    { role: "user", content: "And in Tokyo?" },
  ]);
  assert.deepEqual(ordered.slice(-2), [
    { role: "assistant", content: fillers.noted, calls: [] },
    { role: "user", content: "And in Tokyo?" },
  ]);
});
