import assert from "node:assert/strict";
import type { ToolCall, ToolResult } from "../../src/domain/tool_call.ts";
import { type RoundOptions, runToolRound, type TurnStep } from "../../src/turn/tool_round.ts";
import { Gate } from "../support/gate.ts";
import { callOf, RecordingJournal, resultOf, ScriptedTools, toolContext } from "./loop_parts.ts";

/** A round of calls, with the steps it shows and the records of its journal. */
function stage(ids: readonly string[], fields: Partial<RoundOptions> = {}) {
  const journal = new RecordingJournal();
  const tools = new ScriptedTools();
  const steps: TurnStep[] = [];
  const abort = new AbortController();
  const round: RoundOptions = {
    index: 0,
    text: "",
    calls: ids.map((id) => callOf(id)),
    firstStep: 1,
    tools,
    journal,
    context: toolContext,
    show: (step) => steps.push(step),
    signal: abort.signal,
    ...fields,
  };
  return { journal, tools, abort, steps, run: () => runToolRound(round) };
}

function show(step: TurnStep): string {
  return step.type === "text" ? step.text : `${step.type} ${step.step} ${step.description}`;
}

Deno.test("a round is journaled before its tools run, and each result after", async () => {
  const journal = new RecordingJournal();
  const tools = new ScriptedTools(({ id }) => {
    journal.records.push(`run ${id}`);
    return Promise.resolve(resultOf(`seen ${id}`));
  });
  await stage(["a"], { journal, tools, index: 3 }).run();
  assert.deepEqual(journal.records, ["round 3 a", "run a", "result 3/0 seen a"]);
});

Deno.test("calls run in parallel; results keep the order of the calls", async () => {
  const gates = { a: new Gate(), b: new Gate() };
  const tools = new ScriptedTools(async ({ id }) => {
    await gates[id as "a" | "b"].opened;
    return resultOf(`seen ${id}`);
  });
  const { journal, steps, run } = stage(["a", "b"], { tools, firstStep: 5 });
  const running = run();
  gates.b.open();
  while (journal.records.length < 2) await Promise.resolve();
  gates.a.open();
  assert.deepEqual((await running).map(({ content }) => content), ["seen a", "seen b"]);
  assert.deepEqual(journal.records, ["round 0 a,b", "result 0/1 seen b", "result 0/0 seen a"]);
  assert.deepEqual(steps.map(show), [
    "tool_started 5 Looking at a",
    "tool_started 6 Looking at b",
    "tool_finished 6 Looking at b",
    "tool_finished 5 Looking at a",
  ]);
});

Deno.test("calls beyond the limit of a round are not run, and their results say so", async () => {
  const ids = Array.from({ length: 34 }, (_, index) => `c${index}`);
  const { tools, journal, run } = stage(ids);
  const results = await run();
  assert.deepEqual(tools.executed, ids.slice(0, 32));
  assert.equal(results.length, 34);
  assert.deepEqual(results.map(({ isError }) => isError), ids.map((_, index) => index >= 32));
  assert.match(results[33]!.content, /not run: a round may have 32 calls/);
  assert.equal(journal.records.length, 35);
});

Deno.test("no tool runs if the round cannot be journaled", async () => {
  class BrokenJournal extends RecordingJournal {
    override recordRound(): Promise<void> {
      return Promise.reject(new Error("no round"));
    }
  }
  const { tools, steps, run } = stage(["a"], { journal: new BrokenJournal() });
  await assert.rejects(run(), /no round/);
  assert.deepEqual([tools.executed, steps], [[], []]);
});

/** Runs until its signal aborts, then throws the signal's reason. */
function untilAborted(_: ToolCall, __: unknown, signal: AbortSignal): Promise<ToolResult> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    if (signal.aborted) reject(signal.reason);
  });
}

Deno.test("if one result cannot be journaled, the other calls are aborted before the round throws", async () => {
  class BrokenJournal extends RecordingJournal {
    override recordResult(): Promise<void> {
      return Promise.reject(new Error("no result"));
    }
  }
  const ended: string[] = [];
  const tools = new ScriptedTools(async (call, context, signal) => {
    if (call.id === "a") return resultOf("seen");
    await untilAborted(call, context, signal).finally(() => ended.push(call.id));
    return resultOf("never");
  });
  const { run } = stage(["a", "b"], { tools, journal: new BrokenJournal() });
  await assert.rejects(run(), /no result/);
  assert.deepEqual(ended, ["b"]);
});

Deno.test("tools are aborted with the reason, even if the abort came before the round", async () => {
  const late = stage(["a"], { tools: new ScriptedTools(untilAborted) });
  const running = late.run();
  late.abort.abort(new Error("cancelled"));
  await assert.rejects(running, /cancelled/);
  const early = stage(["a"], { tools: new ScriptedTools(untilAborted) });
  early.abort.abort(new Error("cancelled before"));
  await assert.rejects(early.run(), /cancelled before/);
  assert.deepEqual(late.journal.records, ["round 0 a"]);
});
