import assert from "node:assert/strict";
import { estimateTokens } from "../../src/llm/tokens.ts";
import type { HistoryEntry } from "../../src/store/history_store.ts";
import {
  keptSummary,
  linesToSumUp,
  lineTokens,
  newestLines,
  summaryPrompt,
} from "../../src/summaries/summary_prompt.ts";

/** So many exchanges, whose lines have so many tokens each. */
function lines(exchanges: number, tokens = 96): readonly HistoryEntry[] {
  return Array.from({ length: exchanges * 2 }, (_, index) => ({
    id: index + 1,
    sessionId: "s",
    role: index % 2 === 0 ? "user" as const : "assistant" as const,
    content: "word" + " and".repeat(tokens - 1),
    userId: "ada",
    partial: false,
    at: 0,
  }));
}

const sum = (some: readonly HistoryEntry[]) =>
  some.reduce((total, line) => total + lineTokens(line), 0);

Deno.test("nothing is summed up while three quarters of the room are not full", () => {
  const room = 2_000;
  assert.deepEqual(linesToSumUp(lines(7), { room, atOnce: 9_000 }), []);
  assert.ok(linesToSumUp(lines(8), { room, atOnce: 9_000 }).length > 0);
});

Deno.test("then half of the room becomes free, and what stays begins with a user", () => {
  for (let exchanges = 8; exchanges < 60; exchanges++) {
    const all = lines(exchanges);
    const taken = linesToSumUp(all, { room: 2_000, atOnce: 90_000 });
    const left = all.slice(taken.length);
    assert.ok(sum(left) <= 1_000 && sum(left) > 700, `${sum(left)} of ${exchanges}`);
    assert.equal(left[0]!.role, "user");
    assert.deepEqual(taken, all.slice(0, taken.length));
  }
});

Deno.test("no more is taken at once than a request can carry, and at least one line", () => {
  const taken = linesToSumUp(lines(60), { room: 2_000, atOnce: 1_000 });
  assert.equal(taken.length, 10);
  assert.equal(linesToSumUp(lines(60, 5_000), { room: 2_000, atOnce: 1_000 }).length, 1);
});

Deno.test("many short lines are summed up, however few tokens they have", () => {
  assert.deepEqual(linesToSumUp(lines(150, 1), { room: 16_000, atOnce: 9_000 }), []);
  const taken = linesToSumUp(lines(151, 1), { room: 16_000, atOnce: 9_000 });
  assert.equal(302 - taken.length, 150);
});

Deno.test("one huge exchange stays, since the next message may be about it", () => {
  const all = [...lines(3), ...lines(1, 9_000)];
  const taken = linesToSumUp(all, { room: 2_000, atOnce: 90_000 });
  assert.equal(taken.length, 6);
});

Deno.test("of too many lines the newest are kept", () => {
  const all = lines(10);
  assert.deepEqual(newestLines(all, { atOnce: 500 }), all.slice(15));
  assert.deepEqual(newestLines(all, { atOnce: 50_000 }), all);
  assert.deepEqual(newestLines(all, { atOnce: 50 }), []);
});

Deno.test("the model is shown who says what, after the notes so far", () => {
  const [user, assistant] = lines(1, 1);
  const [system, asked] = summaryPrompt({
    notes: "A cat.",
    lines: [{ ...user!, userName: "Ada\nL." }, { ...assistant!, partial: true }],
    tokens: 500,
  });
  assert.match(String(system!.content), /At most 300 words/);
  assert.equal(
    asked!.content,
    "# Notes so far\nA cat.\n\n# Lines\nAda L.: word\n(assistant): word [cut off]",
  );
});

Deno.test("an answer is kept within its bounds, and an empty one is none", () => {
  assert.equal(keptSummary("  Short.\n", { tokens: 100 }), "Short.");
  const kept = keptSummary("much 😀 ".repeat(1_000), { tokens: 100 });
  assert.ok(estimateTokens(kept) <= 103 && kept.endsWith(" …") && kept.isWellFormed());
  assert.throws(() => keptSummary(" \n", { tokens: 100 }), /empty summary/);
});
