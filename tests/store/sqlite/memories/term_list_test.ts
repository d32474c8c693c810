import assert from "node:assert/strict";
import { bestMatches, termList } from "../../../../src/store/sqlite/memories/term_list.ts";

const year = 365 * 86_400_000;

/** Concatenates the lists of texts with ids from 1. */
function lists(...texts: readonly (string | { text: string; createdAt: number })[]): Uint8Array {
  const all = texts.map((each, index) => {
    const { text, createdAt } = typeof each === "string" ? { text: each, createdAt: 0 } : each;
    return [...termList({ id: index + 1, text, createdAt })];
  });
  return Uint8Array.from(all.flat());
}

function find(all: Uint8Array, terms: readonly string[], limit = 9): readonly number[] {
  return bestMatches(all, { terms, halfWeightAgeMs: year, limit });
}

Deno.test("a rare term weighs more than two common ones", () => {
  const all = lists("red tea", "red tea", "blue tea", "red tea", "red cup", "red tea");
  assert.deepEqual(find(all, ["red", "tea", "blue"], 1), [3]);
});

Deno.test("a term weighs less in a long text and more if it is repeated", () => {
  const all = lists("tea and much that is not of it at all", "tea cup", "tea tea cup");
  assert.deepEqual(find(all, ["tea"]), [3, 2, 1]);
});

Deno.test("equal matches are returned newest first, up to the limit", () => {
  const all = lists(...Array.from({ length: 2000 }, () => "tea cup"));
  assert.deepEqual(find(all, ["tea"], 3), [2000, 1999, 1998]);
  assert.equal(find(all, ["tea"], 5000).length, 2000);
});

Deno.test("an old memory weighs less than a new one that matches less", () => {
  const old = { text: "green tea", createdAt: 0 };
  const fresh = { text: "tea", createdAt: 20 * year };
  assert.deepEqual(find(lists(old, "cup", fresh), ["green", "tea"]), [3, 1]);
});

Deno.test("an empty list has no matches", () => {
  assert.deepEqual(find(new Uint8Array(), ["tea"]), []);
  assert.deepEqual(find(lists("", "?!"), ["tea"]), []);
  assert.deepEqual(find(lists("tea"), []), []);
});

Deno.test("unaligned bytes are read", () => {
  const all = lists("tea", "cup");
  const moved = new Uint8Array(all.length + 1);
  moved.set(all, 1);
  assert.deepEqual(find(moved.subarray(1), ["cup"]), [2]);
});

Deno.test("large ids are exact", () => {
  const id = 2 ** 40 + 1;
  const all = termList({ id, text: "tea", createdAt: Date.now() });
  assert.deepEqual(find(all, ["tea"]), [id]);
});
