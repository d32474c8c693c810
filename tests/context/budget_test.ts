/** Checks what is left out of a request that does not fit, and in which order. */

import assert from "node:assert/strict";
import { GatewayError } from "../../src/domain/errors.ts";
import { fitContext } from "../../src/context/budget.ts";
import { type ContextPart, partTokens } from "../../src/context/part.ts";
import type { LlmMessage } from "../../src/llm/client.ts";

/** A text of this many tokens that starts with a word. */
function text(word: string, tokens = 100): string {
  return word + " and".repeat(tokens - 1);
}

const user = (word: string, tokens?: number) =>
  ({ role: "user", content: text(word, tokens) }) as const;
const assistant = (word: string) => ({ role: "assistant", content: text(word) }) as const;

/** One round: a call and its result. */
function round(id: string, tokens = 300): readonly ContextPart[] {
  const call = { id, name: "look", arguments: "{}" };
  return [
    { kind: "turn", message: { role: "assistant", content: "", toolCalls: [call] } },
    { kind: "turn", message: { role: "tool", callId: id, content: text(`result-${id}`, tokens) } },
  ];
}

const parts: readonly ContextPart[] = [
  { kind: "system", text: text("persona") },
  { kind: "memory", text: text("best-memory") },
  { kind: "memory", text: text("last-memory") },
  { kind: "summary", text: text("summary") },
  { kind: "history", message: user("old") },
  { kind: "history", message: assistant("old-answer") },
  { kind: "history", message: user("newer") },
  { kind: "history", message: assistant("newer-answer") },
  { kind: "reply_chain", message: user("far-reply") },
  { kind: "reply_chain", message: user("near-reply") },
  { kind: "message", message: user("question") },
  ...round("one"),
  ...round("two"),
  ...round("three"),
];

const all = parts.reduce((sum, part) => sum + partTokens(part), 0);

/** The words that are left, and whether each result was shortened. */
function left(messages: readonly LlmMessage[]): readonly string[] {
  return messages.flatMap(({ role, content }) => {
    if (typeof content !== "string") return ["?"];
    if (role === "tool") {
      const [word] = content.split(" ");
      return [content.includes("left out") ? `${word}-shortened` : word!];
    }
    return content.match(/[a-z]+(?:-[a-z]+)+|persona|summary|old|newer|question/g) ?? [];
  });
}

function fitted(budget: number): readonly string[] {
  return left(fitContext(parts, { budget }).messages);
}

Deno.test("a request that fits stays complete and in order, with memories and summary in the system prompt", () => {
  const { messages, tokens } = fitContext(parts, { budget: all });
  assert.equal(tokens, all);
  assert.deepEqual(messages.slice(0, 2).map(({ role }) => role), ["system", "user"]);
  assert.equal(messages.filter(({ role }) => role === "system").length, 1);
  assert.deepEqual(left(messages), [
    "persona",
    "best-memory",
    "last-memory",
    "summary",
    "old",
    "old-answer",
    "newer",
    "newer-answer",
    "far-reply",
    "near-reply",
    "question",
    "result-one",
    "result-two",
    "result-three",
  ]);
});

Deno.test("no budget is exceeded, and persona and message always stay", () => {
  let least = 0;
  for (let budget = all; budget > 0; budget -= 7) {
    try {
      const { messages, tokens } = fitContext(parts, { budget });
      assert.ok(tokens <= budget);
      const words = left(messages);
      assert.ok(words.includes("persona") && words.includes("question"), words.join());
      least = budget;
    } catch (error) {
      assert.ok(error instanceof GatewayError && error.code === "context_too_long", String(error));
      break;
    }
  }
  assert.ok(least < 500, `context_too_long below ${least}`);
});

Deno.test("parts are left out in a fixed order, and a smaller budget brings none back", () => {
  const order: string[] = [];
  let before = fitted(all);
  for (let budget = all; budget > 330; budget -= 7) {
    const now = fitted(budget);
    order.push(...before.filter((word) => !now.includes(word)));
    before = now;
  }
  assert.deepEqual(order, [
    "old",
    // An answer makes no sense without its question.
    "old-answer",
    "newer",
    "newer-answer",
    "last-memory",
    "best-memory",
    "result-one",
    "result-two",
    "result-three",
    "result-one-shortened",
    "result-two-shortened",
    "summary",
    "far-reply",
    "near-reply",
  ]);
});

Deno.test("a call is never left out without its result", () => {
  for (let budget = all; budget > 330; budget -= 7) {
    const { messages } = fitContext(parts, { budget });
    const calls = messages.flatMap((message) =>
      message.role === "assistant" ? (message.toolCalls ?? []).map(({ id }) => id) : []
    );
    const results = messages.flatMap((message) => message.role === "tool" ? [message.callId] : []);
    assert.deepEqual(calls, results);
  }
});

Deno.test("a shortened result says so, and keeps its beginning as well-formed Unicode", () => {
  const content = "x" + "😀".repeat(5_000);
  const long: readonly ContextPart[] = [
    { kind: "message", message: user("question") },
    round("one")[0]!,
    { kind: "turn", message: { role: "tool", callId: "one", content } },
  ];
  const { messages } = fitContext(long, { budget: 1_000 });
  const result = messages.at(-1)!.content as string;
  assert.ok(result.isWellFormed());
  assert.match(result, /^x😀.*\n\[\d+ characters were left out\]$/s);
  const reported = Number(/(\d+) characters/.exec(result)![1]);
  assert.equal(result.indexOf("\n") + reported, content.length);
});

Deno.test("long arguments of an old call are replaced with valid JSON", () => {
  const call = { id: "one", name: "save", arguments: JSON.stringify({ text: text("a", 900) }) };
  const long: readonly ContextPart[] = [
    { kind: "message", message: user("question") },
    { kind: "turn", message: { role: "assistant", content: "", toolCalls: [call] } },
    round("one", 10)[1]!,
    ...round("two", 10),
  ];
  const { messages } = fitContext(long, { budget: 500 });
  const first = messages.find(({ role }) => role === "assistant");
  assert.ok(first?.role === "assistant");
  assert.ok(JSON.parse(first.toolCalls![0]!.arguments).note);
});

Deno.test("the error for a message that is too long says how long it may be", () => {
  const budget = 300;
  assert.throws(() =>
    fitContext([parts[0]!, { kind: "message", message: user("q", 500) }], {
      budget,
    }), (error) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, "context_too_long");
    assert.match(error.message, /about 504 tokens.* room for 195\. Send a shorter one/);
    return true;
  });
});

Deno.test("a request that must be sent at any price keeps only what must stay", () => {
  const { messages, tokens } = fitContext(parts, { budget: 0, atAnyPrice: true });
  assert.deepEqual(left(messages), ["persona", "question", "result-three-shortened"]);
  assert.ok(tokens > 0);
});

Deno.test("the fixed tokens are the same, whatever was left out", () => {
  const fixed = parts
    .filter(({ kind }) => kind === "system" || kind === "memory" || kind === "summary")
    .reduce((sum, part) => sum + partTokens(part), 0);
  assert.equal(fitContext(parts, { budget: all }).fixedTokens, fixed);
  assert.equal(fitContext(parts, { budget: 800 }).fixedTokens, fixed);
});
