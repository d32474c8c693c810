/** Results of MCP tools as text for the model. */

import assert from "node:assert/strict";
import type { ReplyFile } from "../../../src/domain/reply.ts";
import {
  formatContent,
  type McpCallResult,
  type McpContent,
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

Deno.test("unsupported content is named", () => {
  const later = JSON.parse('{"content":[{"type":"hologram","data":"AAAA"}]}');
  assert.equal(format(later).text, "[unsupported content: hologram]");
});
