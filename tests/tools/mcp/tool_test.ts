/** A server's tool on its way to the model's provider, and arguments on their way to the server. */

import assert from "node:assert/strict";
import { mcpTool, toolName } from "../../../src/tools/mcp/tool.ts";
import type { McpToolInfo } from "../../../src/tools/mcp/types.ts";

const host = { name: "s", timeoutMs: 1000, call: () => Promise.resolve({}) };
const toolWith = (inputSchema: McpToolInfo["inputSchema"]) =>
  mcpTool({ name: "t", inputSchema }, host);

Deno.test("what providers refuse in a schema does not reach them", () => {
  const { parameters } = toolWith({
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    anyOf: [{ required: ["a"] }],
    properties: { list: { type: "array" }, anyOf: { type: "string" } },
  });
  assert.deepEqual(parameters, {
    type: "object",
    properties: { list: { type: "array", items: {} }, anyOf: { type: "string" } },
  });
});

Deno.test("a schema of nothing is one of an object without properties", () => {
  assert.deepEqual(toolWith({}).parameters, { type: "object", properties: {} });
});

Deno.test("arguments are checked, and reach the server as the model wrote them", () => {
  const tool = toolWith({
    type: "object",
    properties: {
      count: { type: "integer" },
      unit: { type: "string", default: "C" },
      // Names of the server's own, which are keywords elsewhere.
      pattern: { type: "string" },
      default: { type: "number" },
    },
    required: ["count", "pattern"],
  });
  assert.deepEqual(tool.read({ count: 1, pattern: "x" }), { value: { count: 1, pattern: "x" } });
  assert.match(JSON.stringify(tool.read({ count: "1", pattern: "x" })), /problem.*count/);
  assert.match(JSON.stringify(tool.read({ count: 1 })), /problem.*pattern/);
  assert.match(JSON.stringify(tool.read({ count: 1, pattern: "x", default: "y" })), /problem/);
});

Deno.test("a pattern that takes for ever is left to the server", () => {
  const tool = toolWith({
    type: "object",
    properties: { text: { type: "string", pattern: "^(a+)+$" } },
  });
  const value = { text: `${"a".repeat(60)}!` };
  assert.deepEqual(tool.read(value), { value });
});

Deno.test("no two tools of a server have one name, and all fit the providers", () => {
  const long = "x".repeat(100);
  const names = ["get.x", "get_x", "get x", `${long}1`, `${long}2`].map((tool) =>
    toolName("s", tool)
  );
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/);
  assert.equal(toolName("s", "get_x"), "s__get_x");
});
