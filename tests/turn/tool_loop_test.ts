import assert from "node:assert/strict";
import { GatewayError } from "../../src/domain/errors.ts";
import type { ToolRound } from "../../src/domain/tool_call.ts";
import {
  ToolLoop,
  type ToolLoopOptions,
  type Turn,
  type TurnResult,
} from "../../src/turn/tool_loop.ts";
import type { TurnStep } from "../../src/turn/tool_round.ts";
import {
  callOf,
  RecordingJournal,
  resultOf,
  type ScriptedAnswer,
  ScriptedModel,
  ScriptedTools,
  toolContext,
} from "./loop_parts.ts";

interface StageOptions extends Partial<Omit<ToolLoopOptions, "llm" | "tools">> {
  readonly tools?: ScriptedTools;
  readonly rounds?: readonly ToolRound[];
}

/** A loop over scripted answers. */
class Stage {
  readonly llm: ScriptedModel;
  readonly tools: ScriptedTools;
  readonly journal = new RecordingJournal();
  readonly steps: TurnStep[] = [];
  readonly abort = new AbortController();
  readonly #loop: ToolLoop;
  readonly #turn: Turn;

  constructor(answers: readonly ScriptedAnswer[], options: StageOptions = {}) {
    const { tools = new ScriptedTools(), rounds = [], ...fields } = options;
    this.llm = new ScriptedModel(...answers);
    this.tools = tools;
    let ids = 0;
    this.#loop = new ToolLoop({
      llm: this.llm,
      tools,
      toolRounds: 5,
      continuations: 2,
      autoProceed: false,
      inputTokens: () => 100_000,
      newId: () => `new${++ids}`,
      ...fields,
    });
    this.#turn = {
      tier: "mid",
      parts: [{ kind: "message", message: { role: "user", content: "Hello" } }],
      rounds,
      journal: this.journal,
      context: toolContext,
      show: (step) => this.steps.push(step),
      signal: this.abort.signal,
    };
  }

  run(): Promise<TurnResult> {
    return this.#loop.run(this.#turn);
  }

  /** All text that was shown. */
  get text(): string {
    return this.steps.map((step) => step.type === "text" ? step.text : "").join("");
  }
}

function hasCode(code: string) {
  return (error: unknown) => error instanceof GatewayError && error.code === code;
}

Deno.test("an answer without calls ends the turn", async () => {
  const stage = new Stage([{ text: ["Hel", "lo."] }]);
  assert.deepEqual(await stage.run(), {
    files: [],
    toolCount: 0,
    usage: { inputTokens: 10, outputTokens: 1 },
    model: "scripted-1",
    finishReason: "stop",
  });
  assert.equal(stage.text, "Hello.");
  assert.deepEqual(stage.journal.records, []);
});

Deno.test("the model sees the results of its calls, round after round", async () => {
  const stage = new Stage([
    { text: "Looking.", calls: [callOf("a"), callOf("b")] },
    { calls: [callOf("c")] },
    { text: "Done." },
  ]);
  const { toolCount, usage } = await stage.run();
  assert.deepEqual([toolCount, usage], [3, { inputTokens: 30, outputTokens: 3 }]);
  assert.deepEqual(stage.llm.turnMessages(2), [
    "calls a,b Looking.",
    "tool seen a",
    "tool seen b",
    "calls c",
    "tool seen c",
  ]);
  assert.equal(stage.text, "Looking.\n\nDone.");
  assert.deepEqual(
    stage.steps.flatMap((step) => step.type === "tool_started" ? [step.step] : []),
    [1, 2, 3],
  );
  assert.deepEqual(stage.journal.joins, ["0 fresh", "1 fresh"]);
});

Deno.test("fields of the provider are sent back with its calls, and journaled", async () => {
  const fields = { reasoning_content: "Hm." };
  const stage = new Stage([{ calls: [callOf("a")], fields }, { text: "Done." }]);
  await stage.run();
  const origin = { model: "scripted-1", fields };
  assert.deepEqual(stage.llm.originsIn(1), [origin]);
  assert.deepEqual(stage.journal.origins, [origin]);
});

Deno.test("fields of an earlier attempt's rounds are sent back as well", async () => {
  const origin = { model: "another-1", fields: { signature: "s" } };
  const round = { text: "", calls: [callOf("a")], results: [resultOf("seen")], origin };
  const stage = new Stage([{ text: "Done." }], { rounds: [round] });
  await stage.run();
  assert.deepEqual(stage.llm.originsIn(0), [origin]);
});

Deno.test("messages that join after a round follow its results", async () => {
  const stage = new Stage([{ calls: [callOf("a")] }, { text: "Both." }]);
  stage.journal.joining.set(0, [{ role: "user", content: "Also this" }]);
  await stage.run();
  assert.deepEqual(stage.llm.turnMessages(1), ["calls a", "tool seen a", "user Also this"]);
});

Deno.test("calls with an unusable or repeated id get a new one", async () => {
  const ids = ["", "a b", "a", "a", "x".repeat(41)];
  const stage = new Stage([{ calls: ids.map((id) => callOf(id)) }, { text: "Done." }]);
  await stage.run();
  assert.deepEqual(stage.tools.executed, ["new1", "new2", "a", "new3", "new4"]);
});

Deno.test("after the last round the model must answer without tools", async () => {
  const stage = new Stage([{ calls: [callOf("a")] }, { text: "Enough." }], { toolRounds: 1 });
  await stage.run();
  const { toolChoice, tools } = stage.llm.requests[1]!;
  assert.deepEqual([toolChoice, tools.length], ["none", 1]);
  assert.match(stage.llm.turnMessages(1).at(-1)!, /^user The limit of tool calls .* is reached/);
});

Deno.test("a model that still calls tools after the last round ends in tool_limit", async () => {
  const stage = new Stage([{ calls: [callOf("a")] }, { calls: [callOf("b")] }], { toolRounds: 1 });
  await assert.rejects(stage.run(), hasCode("tool_limit"));
  assert.deepEqual(stage.tools.executed, ["a"]);
});

Deno.test("an answer cut off for its length is continued without repeated words", async () => {
  const stage = new Stage([
    { text: "The tower was very tall", reason: "length" },
    { text: "very tall and white." },
  ]);
  assert.equal((await stage.run()).finishReason, "stop");
  assert.equal(stage.text, "The tower was very tall and white.");
  const [cut, prompt] = stage.llm.turnMessages(1);
  assert.equal(cut, "assistant The tower was very tall");
  assert.match(prompt!, /^user Your last message was cut off/);
});

Deno.test("an answer is continued at most as often as configured", async () => {
  const parts = ["One, ", "two, ", "three"];
  const stage = new Stage(parts.map((text) => ({ text, reason: "length" })));
  assert.equal((await stage.run()).finishReason, "length");
  assert.equal(stage.text, "One, two, three");
});

Deno.test("after an empty answer the model is asked once more", async () => {
  const stage = new Stage([{}, { text: "Here." }]);
  await stage.run();
  assert.equal(stage.text, "Here.");
});

Deno.test("two empty answers end in llm_unavailable", async () => {
  const stage = new Stage([{}, {}]);
  await assert.rejects(stage.run(), hasCode("llm_unavailable"));
});

Deno.test("a second empty answer ends the turn if text was shown before", async () => {
  const stage = new Stage([{ text: "I look.", calls: [callOf("a")] }, {}, {}]);
  await stage.run();
  assert.equal(stage.text, "I look.");
});

Deno.test("an answer withheld by a content filter ends in an error that says so", async () => {
  await assert.rejects(new Stage([{ reason: "content_filter" }]).run(), /content filter/);
  const partial = new Stage([{ text: "Half", reason: "content_filter" }]);
  assert.equal((await partial.run()).finishReason, "content_filter");
});

Deno.test("reasoning precedes the answer, marked once", async () => {
  const stage = new Stage([{ reasoning: "Hm.", text: "Yes." }]);
  await stage.run();
  assert.equal(stage.text, "💭 Hm.\n\nYes.");
});

Deno.test("with auto-proceed a request for permission is answered with yes, three times", async () => {
  const asking = { text: "Shall I proceed?" };
  const stage = new Stage(Array(4).fill(asking), { autoProceed: true });
  assert.equal((await stage.run()).finishReason, "stop");
  assert.equal(stage.llm.requests.length, 4);
  assert.deepEqual(stage.llm.turnMessages(1), [
    "assistant Shall I proceed?",
    "user Yes, please proceed.",
  ]);
});

Deno.test("without auto-proceed a request for permission is the answer", async () => {
  const stage = new Stage([{ text: "Shall I proceed?" }]);
  await stage.run();
  assert.equal(stage.llm.requests.length, 1);
});

Deno.test("the rounds of an earlier attempt are shown and not run again", async () => {
  const rounds: readonly ToolRound[] = [{
    text: "Looking.",
    calls: [callOf("a"), callOf("b")],
    results: [resultOf("seen before"), undefined],
  }];
  const stage = new Stage([{ calls: [callOf("c")] }, { text: "Done." }], { rounds });
  stage.journal.joining.set(0, [{ role: "user", content: "Also this" }]);
  const { toolCount } = await stage.run();
  assert.equal(toolCount, 3);
  assert.deepEqual(stage.tools.executed, ["c"]);
  assert.deepEqual(stage.tools.interrupted, ["b"]);
  const messages = stage.llm.turnMessages(0);
  assert.deepEqual(messages.slice(0, 2), ["calls a,b Looking.", "tool seen before"]);
  assert.match(messages[2]!, /^tool This call was interrupted; its outcome is unknown/);
  assert.equal(messages[3], "user Also this");
  assert.match(stage.journal.records[0]!, /^result 0\/1 This call was interrupted/);
  assert.equal(stage.journal.records[1], "round 1 c");
  assert.deepEqual(stage.journal.joins, ["0 earlier", "1 fresh"]);
  assert.equal(stage.text, "Looking.\n\nDone.");
});

Deno.test("the rounds of an earlier attempt count towards the limit", async () => {
  const round: ToolRound = { text: "", calls: [callOf("a")], results: [resultOf("seen")] };
  const stage = new Stage([{ text: "Enough." }], { rounds: [round], toolRounds: 1 });
  await stage.run();
  assert.equal(stage.llm.requests[0]!.toolChoice, "none");
});

Deno.test("a call does not reuse the id of a call of an earlier attempt", async () => {
  const round: ToolRound = { text: "", calls: [callOf("a")], results: [resultOf("seen")] };
  const stage = new Stage([{ calls: [callOf("a")] }, { text: "Done." }], { rounds: [round] });
  await stage.run();
  assert.deepEqual(stage.tools.executed, ["new1"]);
});

Deno.test("the files of a turn are limited to what fits into one reply", async () => {
  const file = { filename: "a", base64: "A".repeat(9 * 1024 * 1024), mediaType: "text/plain" };
  const tools = new ScriptedTools(({ id }) => Promise.resolve(resultOf(id, { files: [file] })));
  const stage = new Stage([{ calls: [callOf("a"), callOf("b")] }, { text: "Sent." }], { tools });
  assert.equal((await stage.run()).files.length, 1);
  assert.deepEqual(stage.llm.turnMessages(1).slice(1), [
    "tool a",
    "tool b\n[Its files are not sent: they are too large for one reply.]",
  ]);
});

Deno.test("a request that the provider finds too long is sent again at half the size", async () => {
  const error = new GatewayError("context_too_long", "too long");
  const long = resultOf("and ".repeat(20_000));
  const tools = new ScriptedTools(() => Promise.resolve(long));
  const answers = [{ calls: [callOf("a")] }, { error }, { text: "Short." }];
  const stage = new Stage(answers, { tools });
  await stage.run();
  const tokens = stage.llm.requests.map(({ estimatedTokens }) => estimatedTokens!);
  assert.ok(tokens[2]! <= tokens[1]! / 2, tokens.join());
  const again = new Stage([{ calls: [callOf("a")] }, { error }, { error }], { tools });
  await assert.rejects(again.run(), hasCode("context_too_long"));
});

Deno.test("an error of the model ends the turn; the text before it was shown", async () => {
  const error = new GatewayError("llm_timeout", "silent");
  const stage = new Stage([{ text: "Half", error }]);
  await assert.rejects(stage.run(), hasCode("llm_timeout"));
  assert.equal(stage.text, "Half");
});

Deno.test("an abort ends the turn at the next event of the stream", async () => {
  const stage = new Stage([{ text: ["one", "two"] }]);
  stage.abort.abort(new Error("cancelled"));
  await assert.rejects(stage.run(), /cancelled/);
  assert.equal(stage.text, "");
});
