import assert from "node:assert/strict";
import { closestWord } from "../../src/lib/closest_word.ts";

const words = ["port", "host", "status", "start", "stop", "log-level", "data-dir"];
const cases: readonly (readonly [word: string, meant: string | undefined])[] = [
  ["prot", "port"],
  ["prt", "port"],
  ["hots", "host"],
  ["stat", "status"],
  ["strat", "start"],
  ["log-levle", "log-level"],
  ["datadir", "data-dir"],
  ["walk", undefined],
  ["", undefined],
];

for (const [word, meant] of cases) {
  Deno.test(`the suggestion for "${word}" is ${meant ?? "none"}`, () => {
    assert.equal(closestWord(word, words), meant);
  });
}
