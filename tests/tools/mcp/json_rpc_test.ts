/** Repairing JSON-RPC messages. */

import assert from "node:assert/strict";
import { repairMessage } from "../../../src/tools/mcp/json_rpc.ts";

const cases: readonly (readonly [name: string, given: unknown, expected: unknown])[] = [
  [
    "an error of null next to a result is dropped",
    { jsonrpc: "2.0", id: 1, result: { tools: [] }, error: null },
    { jsonrpc: "2.0", id: 1, result: { tools: [] } },
  ],
  [
    "a result of null next to an error is dropped",
    { jsonrpc: "2.0", id: 1, result: null, error: { code: -1, message: "no", data: 7 } },
    { jsonrpc: "2.0", id: 1, error: { code: -1, message: "no", data: 7 } },
  ],
  [
    "unknown fields and a missing version are repaired",
    { id: 1, result: {}, trace: "x" },
    { jsonrpc: "2.0", id: 1, result: {} },
  ],
  [
    "an empty result becomes an object",
    { jsonrpc: "2.0", id: 1, result: null },
    { jsonrpc: "2.0", id: 1, result: {} },
  ],
  [
    "a result that is a text becomes content",
    { jsonrpc: "2.0", id: 1, result: "done" },
    { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: "done" }] } },
  ],
  [
    "a result that is a list becomes content",
    { jsonrpc: "2.0", id: 1, result: [{ type: "text", text: "done" }] },
    { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: "done" }] } },
  ],
  [
    "metadata of null is dropped",
    { jsonrpc: "2.0", id: 1, result: { a: 1, _meta: null } },
    { jsonrpc: "2.0", id: 1, result: { a: 1 } },
  ],
  [
    "an error that is a text becomes an object",
    { jsonrpc: "2.0", id: 1, error: "no such thing" },
    { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "no such thing" } },
  ],
  [
    "an error whose code is a text keeps its message",
    { jsonrpc: "2.0", id: 1, error: { code: "E_FAIL", message: "failed" } },
    { jsonrpc: "2.0", id: 1, error: { code: -32603, message: "failed" } },
  ],
  [
    "an error without a message is shown as JSON",
    { jsonrpc: "2.0", id: 1, error: { code: "7", detail: "x" } },
    { jsonrpc: "2.0", id: 1, error: { code: 7, message: '{"code":"7","detail":"x"}' } },
  ],
  [
    "a notification with an id and parameters of null loses them",
    { jsonrpc: "2.0", id: null, method: "notifications/tools/list_changed", params: null },
    { jsonrpc: "2.0", method: "notifications/tools/list_changed" },
  ],
  [
    "the answer to initialize is reduced to valid fields",
    {
      jsonrpc: "2.0",
      id: 0,
      result: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: true, prompts: null, resources: { subscribe: null }, logging: "x" },
        serverInfo: { name: "s", version: null },
        instructions: null,
      },
    },
    {
      jsonrpc: "2.0",
      id: 0,
      result: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {}, resources: {} },
        serverInfo: { name: "s", version: "" },
      },
    },
  ],
  ["something else is left alone", "hello", "hello"],
];

for (const [name, given, expected] of cases) {
  Deno.test(`repairing a message: ${name}`, () => {
    assert.deepEqual(repairMessage(given), expected);
    assert.deepEqual(repairMessage(repairMessage(given)), expected, "repairing twice");
  });
}

Deno.test("an answer without an id belongs to the only request", () => {
  const error = { code: -32700, message: "Parse error" };
  assert.deepEqual(repairMessage({ jsonrpc: "2.0", id: null, error }, 7), {
    jsonrpc: "2.0",
    id: 7,
    error,
  });
  assert.deepEqual(repairMessage({ tools: [] }, 7), {
    jsonrpc: "2.0",
    id: 7,
    result: { tools: [] },
  });
});
