/** Tool calls from the pieces of a stream, in all the ways that servers cut them. */

import assert from "node:assert/strict";
import { ToolCallAssembler } from "../../src/turn/tool_call_assembler.ts";

interface Piece {
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
}

/** The calls of these pieces, as `id name arguments`. */
function calls(pieces: readonly Piece[]): readonly string[] {
  let made = 0;
  const assembler = new ToolCallAssembler(() => `new-${++made}`);
  for (const piece of pieces) assembler.add({ type: "tool_call", ...piece });
  return assembler.calls().map(({ id, name, arguments: json }) => `${id} ${name} ${json}`);
}

Deno.test("pieces of one index are one call", () => {
  assert.deepEqual(
    calls([
      { index: 0, id: "a", name: "look" },
      { index: 0, arguments: '{"at":' },
      { index: 0, arguments: '"moon"}' },
    ]),
    ['a look {"at":"moon"}'],
  );
});

Deno.test("calls that come side by side are kept apart, in the order of their beginning", () => {
  assert.deepEqual(
    calls([
      { index: 1, id: "b", name: "second" },
      { index: 0, id: "a", name: "first" },
      { index: 1, arguments: "[1]" },
      { index: 0, arguments: "[0]" },
    ]),
    ["b second [1]", "a first [0]"],
  );
});

Deno.test("calls that all have index 0 are told apart by their ids", () => {
  assert.deepEqual(
    calls([
      { index: 0, id: "a", name: "look", arguments: "1" },
      { index: 0, id: "b", name: "look", arguments: "2" },
      { index: 0, arguments: "2" },
      { index: 0, id: "c", name: "look", arguments: "3" },
    ]),
    ["a look 1", "b look 22", "c look 3"],
  );
});

Deno.test("an id and a name that come with every piece are taken once", () => {
  assert.deepEqual(
    calls([
      { index: 0, id: "a", name: "look", arguments: "{" },
      { index: 0, id: "a", name: "look", arguments: "}" },
    ]),
    ["a look {}"],
  );
});

Deno.test("a call without an id gets one, a call without arguments an empty object", () => {
  assert.deepEqual(calls([{ index: 0, name: "look" }, { index: 1, name: "hear" }]), [
    "new-1 look {}",
    "new-2 hear {}",
  ]);
});

Deno.test("calls of one index behind another call stay in the order of their beginning", () => {
  assert.deepEqual(
    calls([
      { index: 0, id: "a", name: "first", arguments: "1" },
      { index: 1, id: "b", name: "second", arguments: "2" },
      { index: 1, id: "c", name: "third", arguments: "3" },
    ]),
    ["a first 1", "b second 2", "c third 3"],
  );
});

Deno.test("no pieces are no calls", () => assert.deepEqual(calls([]), []));
