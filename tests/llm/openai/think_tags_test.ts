import assert from "node:assert/strict";
import fc from "fast-check";
import { ThinkTagSplitter } from "../../../src/llm/openai/think_tags.ts";

function split(deltas: readonly string[]): { text: string; reasoning: string } {
  const splitter = new ThinkTagSplitter();
  const parts = [...deltas.map((delta) => splitter.add(delta)), splitter.flush()];
  return {
    text: parts.map(({ text }) => text).join(""),
    reasoning: parts.map(({ reasoning }) => reasoning).join(""),
  };
}

const cases: readonly [string, string, string][] = [
  ["<think>plan</think>Hello", "Hello", "plan"],
  ["\n <think>\nplan\n</think>\n\nHello", "Hello", "\nplan\n"],
  ["<THINKING>a</THINKING> b", "b", "a"],
  ["<reasoning>a < b, </reason> too</reasoning>c", "c", "a < b, </reason> too"],
  ["Hello <think>not leading</think>", "Hello <think>not leading</think>", ""],
  ["<thin ice>", "<thin ice>", ""],
  ["<think>never closed", "", "never closed"],
  ["<think>cut </thi", "", "cut </thi"],
  ["<", "<", ""],
  ["  ", "  ", ""],
  ["", "", ""],
];

for (const [answer, text, reasoning] of cases) {
  Deno.test(`${JSON.stringify(answer)} is separated the same way however it is split`, () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: answer.length })), (cuts) => {
        const points = [0, ...cuts.toSorted((one, other) => one - other), answer.length];
        const deltas = points.slice(1).map((end, index) => answer.slice(points[index], end));
        assert.deepEqual(split(deltas), { text, reasoning });
      }),
      { seed: 7 },
    );
  });
}
