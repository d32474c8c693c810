/** Results of MCP tools as text for the model. */

import assert from "node:assert/strict";
import type { ReplyFile } from "../../../src/domain/reply.ts";
import {
  formatContent,
  type McpCallResult,
  type McpContent,
  readCallResult,
} from "../../../src/tools/mcp/content.ts";

function format(result: McpCallResult) {
  const files: ReplyFile[] = [];
  return { text: formatContent(result, (file) => files.push(file)), files };
}

Deno.test("texts are joined, and an empty result is said to be empty", () => {
  const content: readonly McpContent[] = [
    { type: "text", text: "one" },
    { type: "text", text: "two" },
  ];
  assert.deepEqual(format({ content }), { text: "one\ntwo", files: [] });
  assert.equal(format({}).text, "(no content)");
  assert.equal(format({ content: [] }).text, "(no content)");
});

Deno.test("images, audio and bytes are sent as files, and the model sees their names", () => {
  const { text, files } = format({
    content: [
      { type: "image", data: "AAAA", mimeType: "image/svg+xml" },
      { type: "audio", data: "AAA=", mimeType: "audio/mpeg; rate=1" },
      { type: "image", data: "", mimeType: "../../etc" },
      { type: "resource", resource: { uri: "file:///a/b c.bin", blob: "AA==" } },
      { type: "resource", resource: { uri: "x://", blob: "AA==", mimeType: "text/csv" } },
    ],
  });
  assert.deepEqual(files.map(({ filename }) => filename), [
    "image-1.svg",
    "audio-2.mpeg",
    "image-3.bin",
    "b_c.bin",
    "resource-5.csv",
  ]);
  assert.match(text, /^\[image: image-1\.svg, 3 bytes; it will be sent with your reply\]\n/);
  for (const { filename } of files) assert.ok(text.includes(filename));
});

Deno.test("links and embedded texts keep their URI", () => {
  const { text } = format({
    content: [
      { type: "resource_link", uri: "a://1", name: "One", description: "the first" },
      { type: "resource_link", uri: "a://2", name: "Two" },
      { type: "resource", resource: { uri: "a://3", text: "three" } },
    ],
  });
  assert.equal(
    text,
    "[resource: One, a://1: the first]\n[resource: Two, a://2]\n[resource: a://3]\nthree",
  );
});

Deno.test("structured content is shown unless the text repeats it", () => {
  const structuredContent = { a: 1 };
  const text = (text: string) => [{ type: "text" as const, text }];
  assert.equal(format({ content: text('{ "a": 1 }'), structuredContent }).text, '{ "a": 1 }');
  assert.equal(
    format({ content: text("It is one."), structuredContent }).text,
    'It is one.\n{"a":1}',
  );
  assert.equal(format({ structuredContent }).text, '{"a":1}');
});

const results: readonly (readonly [name: string, json: unknown, text: string])[] = [
  ["nothing", {}, "(no content)"],
  ["null", null, "(no content)"],
  ["content of null", { content: null, structuredContent: null, isError: null }, "(no content)"],
  ["an empty error", { content: [], isError: true }, "(an error without a message)"],
  ["a text instead of blocks", { content: "done" }, "done"],
  ["one block instead of a list", { content: { type: "text", text: "done" } }, "done"],
  ["a text as a block", { content: ["one", null, { type: "text", text: "two" }] }, "one\ntwo"],
  ["a text of null", { content: [{ type: "text", text: null }] }, "(no content)"],
  ["a text that is an object", { content: [{ type: "text", text: { a: 1 } }] }, '{"a":1}'],
  ["a block without a type", { content: [{ text: "done" }] }, "done"],
  ["a block without anything known", { content: [{ a: 1 }] }, '{"a":1}'],
  ["an unknown block with text", { content: [{ type: "markdown", text: "# Hi" }] }, "# Hi"],
  ["an unknown block", { content: [{ type: "hologram" }] }, "[unsupported content: hologram]"],
  [
    "an image without data",
    { content: [{ type: "image", url: "x" }] },
    "[unsupported content: image]",
  ],
  [
    "a link without a name",
    { content: [{ type: "resource_link", uri: "a://1", name: null }] },
    "[resource: a://1, a://1]",
  ],
  ["a resource with nulls", {
    content: [{
      type: "resource",
      resource: { uri: "a://1", text: "x", blob: null, mimeType: null },
    }],
  }, "[resource: a://1]\nx"],
  ["structured content alone", { structuredContent: [1, 2] }, "[1,2]"],
  ["the field of older servers", { toolResult: { a: 1 } }, '{"toolResult":{"a":1}}'],
  ["a bare value", { temperature: 21, _meta: {} }, '{"temperature":21}'],
];

for (const [name, json, text] of results) {
  Deno.test(`an invalid or unusual result is shown: ${name}`, () => {
    assert.equal(format(readCallResult(json)).text, text);
  });
}

Deno.test("base64 is cleaned, and a missing media type comes from its data URL", () => {
  const image = { type: "image", data: "data:image/png;base64,AA\nAA", mimeType: null };
  const { files } = format(readCallResult({ content: [image, { ...image, data: "AAAA" }] }));
  assert.deepEqual(files, [
    { filename: "image-1.png", mediaType: "image/png", base64: "AAAA" },
    { filename: "image-2.bin", mediaType: "application/octet-stream", base64: "AAAA" },
  ]);
});
