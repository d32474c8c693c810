/** Tools of MCP servers: their names, schemas and arguments. */

import assert from "node:assert/strict";
import { mcpTool, type McpToolInfo, toolName } from "../../../src/tools/mcp/tool.ts";

const host = { name: "s", timeoutMs: 1000, call: () => Promise.resolve({}) };
const toolWith = (inputSchema: McpToolInfo["inputSchema"]) =>
  mcpTool({ name: "t", inputSchema }, host);

Deno.test("keywords that providers refuse are removed from a schema", () => {
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

Deno.test("an empty schema becomes an object without properties", () => {
  assert.deepEqual(toolWith({}).parameters, { type: "object", properties: {} });
});

Deno.test("arguments are validated, and sent as the model wrote them", () => {
  const tool = toolWith({
    type: "object",
    properties: {
      count: { type: "integer" },
      unit: { type: "string", default: "C" },
      // Property names that are also keywords.
      pattern: { type: "string" },
      default: { type: "number" },
    },
    required: ["count", "pattern"],
  });
  assert.deepEqual(tool.parse({ count: 1, pattern: "x" }), { value: { count: 1, pattern: "x" } });
  assert.match(JSON.stringify(tool.parse({ count: "1", pattern: "x" })), /problem.*count/);
  assert.match(JSON.stringify(tool.parse({ count: 1 })), /problem.*pattern/);
  assert.match(JSON.stringify(tool.parse({ count: 1, pattern: "x", default: "y" })), /problem/);
});

Deno.test("patterns are checked only by the server, since they may be slow", () => {
  const tool = toolWith({
    type: "object",
    properties: { text: { type: "string", pattern: "^(a+)+$" } },
  });
  const value = { text: `${"a".repeat(60)}!` };
  assert.deepEqual(tool.parse(value), { value });
});

Deno.test("tool names are unique and valid for every provider", () => {
  const long = "x".repeat(100);
  const names = ["get.x", "get_x", "get x", `${long}1`, `${long}2`].map((tool) =>
    toolName("s", tool)
  );
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/);
  assert.equal(toolName("s", "get_x"), "s__get_x");
});
