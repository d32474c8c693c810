/** Assembles tool calls from the pieces that servers stream. */

import assert from "node:assert/strict";
import { readArguments, ToolCallAssembler } from "../../../src/llm/openai/tool_calls.ts";

interface Piece {
  readonly index?: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
}

/** The calls of these pieces, as `id name arguments`. */
function calls(pieces: readonly Piece[]): readonly string[] {
  const assembler = new ToolCallAssembler({ maxChars: 1_000, maxCalls: 10 });
  for (const piece of pieces) assembler.add({ arguments: "", fields: {}, ...piece });
  return assembler.calls().map(({ id, name, arguments: json }) => `${id} ${name} ${json}`);
}

const cases: readonly (readonly [string, readonly Piece[], readonly string[]])[] = [
  ["pieces with one index are one call", [
    { index: 0, id: "a", name: "look" },
    { index: 0, arguments: '{"at":' },
    { index: 0, arguments: '"moon"}' },
  ], ['a look {"at":"moon"}']],
  ["interleaved calls are kept apart, in the order in which they began", [
    { index: 1, id: "b", name: "second" },
    { index: 0, id: "a", name: "first" },
    { index: 1, arguments: '{"n":1}' },
    { index: 0, arguments: '{"n":0}' },
  ], ['b second {"n":1}', 'a first {"n":0}']],
  ["calls that all have index 0 differ by their ids", [
    { index: 0, id: "a", name: "look", arguments: '{"n":1}' },
    { index: 0, id: "b", name: "look", arguments: '{"n":' },
    { index: 0, arguments: "2}" },
  ], ['a look {"n":1}', 'b look {"n":2}']],
  ["complete calls at one index without ids are calls of their own", [
    { index: 0, name: "look", arguments: '{"n":1}' },
    { index: 0, name: "look", arguments: '{"n":2}' },
  ], [' look {"n":1}', ' look {"n":2}']],
  ["complete calls at one index under one id are calls of their own", [
    { index: 0, id: "a", name: "look", arguments: '{"n":1}' },
    { index: 0, id: "a", name: "look", arguments: '{"n":2}' },
  ], ['a look {"n":1}', 'a look {"n":2}']],
  ["calls without index and id follow each other", [
    { name: "look", arguments: '{"n":1}' },
    { name: "hear", arguments: '{"n":' },
    { arguments: "2}" },
  ], [' look {"n":1}', ' hear {"n":2}']],
  ["pieces without an index belong to the call with their id", [
    { id: "a", name: "look" },
    { id: "b", name: "hear" },
    { id: "a", arguments: '{"n":1}' },
    { id: "b", arguments: '{"n":2}' },
  ], ['a look {"n":1}', 'b hear {"n":2}']],
  ["an id and a name repeated in every piece count once", [
    { index: 0, id: "a", name: "look", arguments: '{"n"' },
    { index: 0, id: "a", name: "look", arguments: ":1}" },
    { index: 0, id: "a", name: "look", arguments: "" },
  ], ['a look {"n":1}']],
  ["a piece that never got a name is no call", [{ index: 3, arguments: "{}" }], []],
  ["no pieces are no calls", [], []],
];

for (const [name, pieces, expected] of cases) {
  Deno.test(name, () => assert.deepEqual(calls(pieces), expected));
}

const written: readonly (readonly [string, string])[] = [
  ["", "{}"],
  ["null", "{}"],
  ['""', "{}"],
  ['"  "', "{}"],
  ['"{\\"zone\\":\\"UTC\\"}"', '{"zone":"UTC"}'],
  ['{}{"zone":"UTC"}', '{"zone":"UTC"}'],
  ['{"zone":"UTC"}', '{"zone":"UTC"}'],
  ['"text"', '"text"'],
  ['{"zone":', '{"zone":'],
];
for (const [text, expected] of written) {
  Deno.test(`arguments ${JSON.stringify(text)} mean ${expected}`, () => {
    assert.equal(readArguments(text), expected);
  });
}

Deno.test("arguments beyond the limit are refused", () => {
  const assembler = new ToolCallAssembler({ maxChars: 10, maxCalls: 10 });
  assert(assembler.add({ index: 0, name: "look", arguments: "12345", fields: {} }));
  assert(!assembler.add({ index: 0, arguments: "123456", fields: {} }));
});
