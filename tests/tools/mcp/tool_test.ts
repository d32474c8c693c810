/** Tools of MCP servers: their names, schemas and arguments. */

import assert from "node:assert/strict";
import {
  mcpTool,
  type McpToolHost,
  type McpToolInfo,
  readToolInfo,
  toolName,
} from "../../../src/tools/mcp/tool.ts";
import { callTool } from "../call_tool.ts";

const host = { name: "s", timeoutMs: 1000, call: () => Promise.resolve({}) };
const toolWith = (inputSchema: McpToolInfo["inputSchema"]) =>
  mcpTool({ name: "t", inputSchema }, host);

Deno.test("a listed tool is read, and fields of a wrong type are ignored", () => {
  assert.deepEqual(
    readToolInfo({
      name: "t",
      title: null,
      description: ["no"],
      inputSchema: { type: "object", required: null, properties: { a: { enum: ["x", null] } } },
      outputSchema: { $ref: "#/nowhere" },
      annotations: { readOnlyHint: true, idempotentHint: "yes", title: "Title" },
    }),
    {
      name: "t",
      title: "Title",
      inputSchema: { type: "object", properties: { a: { enum: ["x", null] } } },
      annotations: { readOnlyHint: true, idempotentHint: false, openWorldHint: false },
    },
  );
  for (const entry of [null, 7, "t", [], {}, { name: "" }, { name: " " }, { name: { a: 1 } }]) {
    assert.equal(readToolInfo(entry), undefined, JSON.stringify(entry));
  }
});

Deno.test("a schema that cannot be read leaves the check to the server", () => {
  const schemas: readonly McpToolInfo["inputSchema"][] = [
    {},
    { type: "string" },
    { type: "object", properties: { a: { $ref: "#/$defs/nowhere" } } },
    { type: "object", properties: { a: { $ref: "https://example.com/a.json" } } },
    { $schema: "https://example.com/own", type: "object", properties: { a: { type: "number" } } },
    { type: "object", properties: { a: { type: "any" } } },
    { type: "object", properties: { a: { type: "number" }, required: ["a"] } },
    {
      $schema: "http://json-schema.org/draft-04/schema#",
      type: "object",
      properties: { a: { type: "number", minimum: 0, exclusiveMinimum: true } },
    },
  ];
  for (const schema of schemas) {
    const tool = toolWith(schema);
    assert.deepEqual(tool.parse({ a: 1 }), { value: { a: 1 } }, JSON.stringify(schema));
    assert.deepEqual(tool.parameters, schema);
  }
});

Deno.test("only read-only and idempotent tools may be called twice", async () => {
  for (
    const [annotations, expected] of [
      [{ readOnlyHint: true }, true],
      [{ idempotentHint: true }, true],
      [{ openWorldHint: true }, false],
      [undefined, false],
    ] as const
  ) {
    let repeatable: boolean | undefined;
    const call: McpToolHost["call"] = (_tool, _input, options) => {
      repeatable = options.repeatable;
      return Promise.resolve({});
    };
    const tool = mcpTool({ name: "t", inputSchema: {}, annotations }, { ...host, call });
    await callTool(tool, {});
    assert.equal(repeatable, expected, JSON.stringify(annotations));
  }
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
