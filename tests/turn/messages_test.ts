import assert from "node:assert/strict";
import { type ContextPart, partTokens } from "../../src/context/part.ts";
import { GatewayError } from "../../src/domain/errors.ts";
import type { LlmEvent, LlmMessage } from "../../src/llm/client.ts";
import { estimateMessage, estimateTokens, TokenScale } from "../../src/llm/tokens.ts";
import { fittedStream, type FittedStreamOptions, TurnMessages } from "../../src/turn/messages.ts";
import { callOf, type ScriptedAnswer, ScriptedModel } from "./loop_parts.ts";

/** A text of this many tokens. */
const text = (tokens: number) => "and ".repeat(tokens).trim();

const user = (tokens: number) => ({ role: "user", content: text(tokens) }) as const;
const system: ContextPart = { kind: "system", text: text(50) };
const question: ContextPart = { kind: "message", message: user(20) };
const history = (count: number): readonly ContextPart[] =>
  Array.from({ length: count }, () => ({ kind: "history", message: user(100) }));
const bare = { tools: [], after: [] };
const tool = { name: "look", description: "Looks around.", parameters: { type: "object" } };

function sizeOf(messages: readonly LlmMessage[]): number {
  return messages.reduce((sum, message) => sum + estimateMessage(message), 0);
}

Deno.test("messages of the turn follow the context, and those of one request follow at its end", () => {
  const messages = new TurnMessages([system, question], { budget: 1_000 });
  messages.push({ role: "assistant", content: "pushed" });
  const once = messages.fit({ tools: [], after: [{ role: "user", content: "once" }] });
  assert.deepEqual(once.messages.slice(2).map(({ content }) => content), ["pushed", "once"]);
  const next = messages.fit(bare);
  assert.deepEqual(next.messages.slice(2).map(({ content }) => content), ["pushed"]);
});

Deno.test("tool declarations share the budget with the messages", () => {
  const messages = new TurnMessages([...history(5), question], { budget: 600 });
  assert.equal(messages.fit(bare).messages.length, 6);
  const large = { ...tool, description: text(150), parameters: { type: "object" } };
  const fitted = messages.fit({ tools: [large], after: [] });
  assert.equal(fitted.messages.length, 4);
  const declared = estimateTokens(JSON.stringify(large));
  assert.equal(messages.lastTokens, sizeOf(fitted.messages) + declared);
  assert.ok(messages.lastTokens <= 600);
});

Deno.test("compacting halves the last request, and works once per turn", () => {
  const messages = new TurnMessages([system, ...history(10), question], { budget: 10_000 });
  messages.fit(bare);
  const before = messages.lastTokens;
  assert.equal(messages.compact(bare), true);
  assert.ok(messages.lastTokens <= before / 2, `${messages.lastTokens} of ${before}`);
  const after = messages.lastTokens;
  assert.equal(messages.compact(bare), false);
  messages.fit(bare);
  assert.equal(messages.lastTokens, after);
});

Deno.test("a request that cannot become shorter is not compacted", () => {
  const messages = new TurnMessages([system, question], { budget: 10_000 });
  messages.fit(bare);
  assert.equal(messages.compact(bare), false);
});

Deno.test("after compacting, what must stay is sent even if it exceeds the budget", () => {
  const messages = new TurnMessages([system, ...history(1), question], { budget: 10_000 });
  messages.fit(bare);
  messages.compact(bare);
  messages.push({ role: "user", content: text(500) });
  assert.equal(messages.fit(bare).messages.length, 3);
});

Deno.test("a message that exceeds the budget ends in context_too_long", () => {
  const messages = new TurnMessages([system, question], { budget: 60 });
  assert.throws(
    () => messages.fit(bare),
    (error) => error instanceof GatewayError && error.code === "context_too_long",
  );
});

Deno.test("history has room for the usual budget without tools, persona and memories", () => {
  const memory: ContextPart = { kind: "memory", text: text(30) };
  const messages = new TurnMessages([system, memory, question], { budget: 1_000 });
  messages.fit({ tools: [tool], after: [] });
  const declared = estimateTokens(JSON.stringify(tool));
  const fixed = partTokens(system) + partTokens(memory);
  assert.equal(messages.historyRoom, 1_000 - declared - fixed);
});

Deno.test("neither a long message nor a smaller model changes the room for history", () => {
  const usualBudget = 1_000;
  const roomOf = (message: LlmMessage, budget: number) => {
    const parts = [system, ...history(3), { kind: "message", message } as const];
    const messages = new TurnMessages(parts, { budget, usualBudget });
    messages.fit(bare);
    return messages.historyRoom;
  };
  const room = roomOf(user(20), usualBudget);
  assert.equal(roomOf(user(800), usualBudget), room);
  assert.equal(roomOf(user(20), 200), room);
});

Deno.test("compacting does not change the room for history", () => {
  const messages = new TurnMessages([system, ...history(5), question], { budget: 1_000 });
  messages.fit(bare);
  const room = messages.historyRoom;
  assert.ok(messages.compact(bare));
  assert.equal(messages.historyRoom, room);
});

Deno.test("a persona larger than the usual budget leaves no room for history", () => {
  const messages = new TurnMessages([system, question], { budget: 1_000, usualBudget: 40 });
  messages.fit(bare);
  assert.equal(messages.historyRoom, 0);
});

/** A stream over a scripted model, with the events it yields. */
function stage(answers: readonly ScriptedAnswer[], fields: Partial<FittedStreamOptions> = {}) {
  const llm = new ScriptedModel(...answers);
  const rooms: number[] = [];
  const scale = new TokenScale();
  const events: LlmEvent[] = [];
  const options: FittedStreamOptions = {
    ...bare,
    llm,
    tier: "mid",
    messages: new TurnMessages([system, ...history(10), question], { budget: 10_000 }),
    scale,
    onHistoryRoom: (tokens) => rooms.push(tokens),
    signal: new AbortController().signal,
    ...fields,
  };
  const run = async () => {
    for await (const event of fittedStream(options)) events.push(event);
  };
  return { llm, rooms, scale, events, run };
}

const tooLong = { error: new GatewayError("context_too_long", "too long") };
const hasCode = (code: string) => (error: unknown) =>
  error instanceof GatewayError && error.code === code;

Deno.test("a request that the provider finds too long is sent again at half the size", async () => {
  const { llm, rooms, events, run } = stage([tooLong, { text: "Short." }]);
  await run();
  const [first, second] = llm.requests.map(({ estimatedTokens }) => estimatedTokens!);
  assert.ok(second! <= first! / 2, `${second} of ${first}`);
  assert.equal(sizeOf(llm.requests[1]!.messages), second);
  assert.deepEqual(events.map(({ type }) => type), ["text", "finish"]);
  assert.equal(rooms.length, 2);
  assert.equal(rooms[0], rooms[1]);
});

Deno.test("a request that is too long twice fails", async () => {
  const { llm, run } = stage([tooLong, tooLong, { text: "Never." }]);
  await assert.rejects(run(), hasCode("context_too_long"));
  assert.equal(llm.requests.length, 2);
});

Deno.test("a request that is too long after the answer began is not sent again", async () => {
  const { llm, run } = stage([{ text: "Half", ...tooLong }, { text: "Never." }]);
  await assert.rejects(run(), hasCode("context_too_long"));
  assert.equal(llm.requests.length, 1);
});

Deno.test("a request that failed for another reason is not sent again", async () => {
  const error = new GatewayError("llm_unavailable", "down");
  const { llm, run } = stage([{ error }, { text: "Never." }]);
  await assert.rejects(run(), hasCode("llm_unavailable"));
  assert.equal(llm.requests.length, 1);
});

Deno.test("the provider's token count corrects further estimates", async () => {
  const messages = new TurnMessages([{ kind: "message", message: user(2) }], { budget: 1_000 });
  const { llm, scale, run } = stage([{ calls: [callOf("a")] }], { messages });
  await run();
  // The scripted model counts 10 tokens.
  assert.equal(llm.requests[0]!.estimatedTokens, 6);
  assert.equal(scale.of("scripted"), 10 / 6);
});
