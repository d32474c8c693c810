/** Tool schemas: what servers send, reduced to what the strictest provider accepts. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { toolSchema } from "../../src/llm/tool_schema.ts";

const allowed = new Set([
  ..."type description properties required items anyOf enum minimum maximum".split(" "),
  ..."minLength maxLength minItems maxItems format".split(" "),
]);

/** Everything in a schema that some provider refuses. */
function refused(schema: unknown, path = "#"): string[] {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return [path];
  const node = schema as Record<string, unknown>;
  const found = Object.keys(node).filter((key) => !allowed.has(key)).map((key) => `${path}/${key}`);
  if (node.type !== undefined && typeof node.type !== "string") found.push(`${path}: type list`);
  if (node.anyOf && node.type) found.push(`${path}: type beside anyOf`);
  if (node.enum && !(node.enum as unknown[]).every((value) => typeof value === "string")) {
    found.push(`${path}: enum of other things than texts`);
  }
  if (node.type === "array" && node.items === undefined) found.push(`${path}: array without items`);
  for (const name of node.required as string[] ?? []) {
    if (!Object.hasOwn(node.properties as object ?? {}, name)) {
      found.push(`${path}: requires ${name}`);
    }
  }
  for (const [name, property] of Object.entries(node.properties ?? {})) {
    found.push(...refused(property, `${path}/${name}`));
  }
  if (node.items) found.push(...refused(node.items, `${path}[]`));
  for (const variant of node.anyOf as unknown[] ?? []) found.push(...refused(variant, `${path}|`));
  return found;
}

const cases: readonly (readonly [string, unknown, unknown])[] = [
  ["nothing at all", undefined, { type: "object", properties: {} }],
  ["null", null, { type: "object", properties: {} }],
  ["properties without a type", { properties: { a: {} } }, {
    type: "object",
    properties: { a: {} },
  }],
  [
    "a union at the top keeps the properties of all its variants",
    {
      anyOf: [
        { properties: { id: { type: "string" }, x: { type: "string" } }, required: ["id", "x"] },
        { properties: { path: { type: "string" }, x: { type: "string" } }, required: ["x"] },
      ],
    },
    {
      type: "object",
      properties: { id: { type: "string" }, x: { type: "string" }, path: { type: "string" } },
      required: ["x"],
    },
  ],
  [
    "allOf is merged",
    {
      allOf: [
        { properties: { a: { type: "string" } }, required: ["a"] },
        { $ref: "#/definitions/B" },
      ],
      definitions: { B: { type: "object", properties: { b: { type: "integer" } } } },
    },
    {
      type: "object",
      properties: { a: { type: "string" }, b: { type: "integer" } },
      required: ["a"],
    },
  ],
  [
    "a recursive type ends at its second level",
    {
      properties: { root: { $ref: "#/$defs/Node" } },
      $defs: { Node: { type: "object", properties: { next: { $ref: "#/$defs/Node" } } } },
    },
    {
      type: "object",
      properties: { root: { type: "object", properties: { next: {} } } },
    },
  ],
  ["a reference that leads nowhere accepts anything", {
    properties: { a: { $ref: "#/$defs/Nowhere", description: "odd" }, b: { $ref: "other.json" } },
  }, { type: "object", properties: { a: { description: "odd" }, b: {} } }],
  ["an optional value is its type", {
    properties: {
      a: { type: ["string", "null"] },
      b: { anyOf: [{ type: "integer" }, { type: "null" }], default: null },
    },
  }, { type: "object", properties: { a: { type: "string" }, b: { type: "integer" } } }],
  ["several types are variants", { properties: { a: { type: ["string", "number"] } } }, {
    type: "object",
    properties: { a: { anyOf: [{ type: "string" }, { type: "number" }] } },
  }],
  ["constants and enums", {
    properties: {
      a: { const: "x" },
      b: { enum: [1, 2] },
      c: { oneOf: [{ const: "p" }, { const: "q" }] },
    },
  }, {
    type: "object",
    properties: {
      a: { type: "string", enum: ["x"] },
      b: { type: "number", description: "One of: 1, 2" },
      c: { type: "string", enum: ["p", "q"] },
    },
  }],
  ["formats and patterns become part of the description", {
    properties: { a: { type: "string", format: "uri", pattern: "^h", default: "h" } },
  }, {
    type: "object",
    properties: { a: { type: "string", description: 'Default: "h" Pattern: ^h Format: uri' } },
  }],
  ["a tuple is a list", {
    properties: { a: { type: "array", prefixItems: [{ type: "string" }] }, b: { type: "array" } },
  }, {
    type: "object",
    properties: {
      a: { type: "array", items: { type: "string" } },
      b: { type: "array", items: {} },
    },
  }],
];

for (const [name, given, expected] of cases) {
  Deno.test(`reducing a tool schema: ${name}`, () => assert.deepEqual(toolSchema(given), expected));
}

Deno.test("a huge enum becomes a text with its first values", () => {
  const values = Array.from({ length: 5_000 }, (_, index) => `value-${index}`);
  const { properties } = toolSchema({ properties: { a: { enum: values } } }) as {
    properties: { a: { type: string; enum?: unknown; description: string } };
  };
  assert.equal(properties.a.enum, undefined);
  assert.equal(properties.a.type, "string");
  assert.match(properties.a.description, /^One of: "value-0", .*, …$/);
  assert(properties.a.description.length < 6_000);
});

Deno.test("a reference bomb is bounded", () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`L${index}`, {
      type: "object",
      properties: Object.fromEntries(
        [..."abcdefgh"].map((name) => [name, { $ref: `#/$defs/L${index + 1}` }]),
      ),
    }]),
  );
  const reduced = toolSchema({ properties: { a: { $ref: "#/$defs/L0" } }, $defs });
  assert(JSON.stringify(reduced).length < 500_000);
});

Deno.test("values that meet a format or a length of another part of allOf are enough", () => {
  for (const more of [{ format: "date-time" }, { minLength: 3 }, { maximum: 4 }]) {
    const given = { allOf: [{ type: "string", ...more }, { enum: ["a"] }] };
    const { properties } = toolSchema({ type: "object", properties: { given } });
    assert.deepEqual(properties, { given: { type: "string", enum: ["a"] } });
  }
});

Deno.test("any value becomes a schema that every provider accepts", () => {
  const schema = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: "small" },
      fc.anything({ maxDepth: 1 }),
      fc.record({
        type: fc.option(fc.oneof(
          fc.constantFrom("string", "object", "array", "number", "null", "any"),
          fc.array(fc.constantFrom("string", "object", "null", "integer")),
        )),
        $ref: fc.option(fc.constantFrom("#", "#/properties/a", "#/$defs/x", "y.json"), {
          nil: undefined,
        }),
        properties: fc.dictionary(fc.string({ maxLength: 3 }), tie("node"), { maxKeys: 3 }),
        required: fc.array(fc.string({ maxLength: 3 }), { maxLength: 2 }),
        items: tie("node"),
        anyOf: fc.option(fc.array(tie("node"), { maxLength: 2 }), { nil: undefined }),
        allOf: fc.option(fc.array(tie("node"), { maxLength: 2 }), { nil: undefined }),
        oneOf: fc.option(fc.array(tie("node"), { maxLength: 2 }), { nil: undefined }),
        enum: fc.option(fc.array(fc.anything({ maxDepth: 0 }), { maxLength: 3 }), {
          nil: undefined,
        }),
        format: fc.constantFrom("date-time", "uri", 3),
        const: fc.option(fc.anything({ maxDepth: 0 }), { nil: undefined }),
        minLength: fc.nat(9),
        maximum: fc.integer(),
        pattern: fc.constantFrom("^a", "("),
        default: fc.anything({ maxDepth: 0 }),
        description: fc.string({ maxLength: 5 }),
        additionalProperties: fc.boolean(),
      }, { requiredKeys: [] }),
    ),
  })).node;
  fc.assert(
    fc.property(schema, (given) => {
      const reduced = toolSchema(given);
      assert.equal(reduced.type, "object");
      assert.deepEqual(refused(reduced), []);
      assert.deepEqual(toolSchema(reduced), reduced, "reducing twice changes nothing");
    }),
    { seed: 7, numRuns: 2_000 },
  );
});
