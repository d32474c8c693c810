/** Invalid frames: each is answered with an error code and a message that names the problem. */

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter/client.ts";
import { messageFrame } from "../support/adapter/message_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";

const message = messageFrame("Hello", { dialect: "clara-1", requestId: "r-1" });
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

interface InvalidFrame {
  readonly name: string;
  /** A frame, or its text. */
  readonly frame: object | string;
  readonly code: string;
  readonly says: RegExp;
  readonly requestId?: string;
}

const invalidFrames: readonly InvalidFrame[] = [
  { name: "no JSON", frame: "{hello", code: "invalid_json", says: /^Cannot read frame: / },
  { name: "nothing", frame: "", code: "invalid_json", says: /^Cannot read frame: / },
  { name: "an array", frame: "[]", code: "invalid_message", says: /JSON object, found an array/ },
  { name: "null", frame: "null", code: "invalid_message", says: /JSON object, found null/ },
  {
    name: "no type",
    frame: { content: "Hello" },
    code: "invalid_message",
    says: /"type": expected string, found nothing/,
  },
  {
    name: "an unknown type",
    frame: { type: "mesage", request_id: "r-1" },
    code: "unknown_type",
    says: /unknown "type" "mesage"; expected one of register, message, cancel/,
    requestId: "r-1",
  },
  {
    name: "a type from Object.prototype",
    frame: { type: "constructor" },
    code: "unknown_type",
    says: /unknown "type" "constructor"/,
  },
  {
    name: "a message without fields",
    frame: {
      type: "message",
      request_id: "r-1",
      user_id: "u",
      channel_id: "c",
      content: " \n",
      attachments: [],
    },
    code: "invalid_message",
    says: /"content": expected text, or an attachment/,
    requestId: "r-1",
  },
  {
    name: "a management frame without its server",
    frame: { type: "mcp_restart", request_id: "r-1" },
    code: "invalid_message",
    says: /"server_name"/,
    requestId: "r-1",
  },
  {
    name: "a message without its channel",
    frame: { ...message, channel_id: undefined },
    code: "invalid_message",
    says: /frame "message": "channel_id": expected string/,
    requestId: "r-1",
  },
  {
    name: "a message without its id",
    frame: { ...message, request_id: undefined },
    code: "invalid_message",
    says: /"request_id": expected string/,
  },
  {
    name: "a number instead of a text",
    frame: { ...message, content: 7 },
    code: "invalid_message",
    says: /"content": expected string, received number/,
    requestId: "r-1",
  },
  {
    name: "an unknown priority",
    frame: { ...message, priority: "urgent" },
    code: "invalid_message",
    says: /"priority": expected one of "high"\|"normal"\|"low"/,
    requestId: "r-1",
  },
  {
    name: "an invalid attachment",
    frame: { ...message, attachments: [{ type: "image", filename: "" }] },
    code: "invalid_message",
    says: /"attachments\.0\.filename": /,
    requestId: "r-1",
  },
  {
    name: "an empty id",
    frame: { ...message, user_id: "" },
    code: "invalid_message",
    says: /"user_id": /,
    requestId: "r-1",
  },
  {
    name: "an id that is too long",
    frame: { ...message, channel_id: "x".repeat(257) },
    code: "invalid_message",
    says: /"channel_id": /,
    requestId: "r-1",
  },
  {
    name: "a cancel without a target",
    frame: { type: "cancel" },
    code: "invalid_message",
    says: /"request_id": expected a request_id or a channel_id/,
  },
  {
    name: "a second register",
    frame: { type: "register", platform: "test", node_id: "another", capabilities: [] },
    code: "invalid_message",
    says: /Cannot register again: this connection belongs to "node-1"/,
  },
  {
    name: "a register without a platform",
    frame: { type: "register", node_id: "another" },
    code: "invalid_message",
    says: /"platform": expected string/,
  },
  {
    name: "a deeply nested text",
    frame: `{"type":${nested(100_000)}}`,
    code: "invalid_message",
    says: /"type": expected string, found an array/,
  },
];

for (const { name, frame, code, says, requestId = null } of invalidFrames) {
  Deno.test(`${name} is answered with ${code}, and the socket stays open`, async () => {
    await using gateway = await TestGateway.start();
    await using adapter = await gateway.connect({ nodeId: "node-1" });
    // Send a message first, so that later errors are in its dialect.
    await adapter.replyTo(adapter.say("Hello"));
    const from = adapter.frames.length;
    adapter.sendText(typeof frame === "string" ? frame : JSON.stringify(frame));
    const error = await adapter.waitFor(({ type }) => type === "error", { from });
    assert.equal(error.code, code);
    assert.match(error.message!, says);
    assert.equal(error.request_id, requestId);
    assert.equal((await adapter.replyTo(adapter.say("Still here"))).text, "Still here");
  });
}

/** The gateway must accept the frame or report what is wrong, and not with an internal error. */
async function acceptOrRefuse(adapter: AdapterClient, text: string): Promise<void> {
  const from = adapter.frames.length;
  adapter.sendText(text);
  const { terminal } = await adapter.replyTo("r-1", { from });
  if (terminal.type === "error") assert.equal(terminal.code, "invalid_message");
}

Deno.test("metadata nested a hundred thousand levels deep is accepted or refused", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const text = JSON.stringify({ ...message, metadata: { deep: 0 } });
  await acceptOrRefuse(adapter, text.replace('"deep":0', `"deep":${nested(100_000)}`));
  assert.equal((await adapter.replyTo(adapter.say("Still here"))).text, "Still here");
});

Deno.test("a __proto__ in a message is plain data", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const text = JSON.stringify({ ...message, metadata: { key: {} } });
  await acceptOrRefuse(adapter, text.replace('"key":{}', '"__proto__":{"polluted":true}'));
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
});

Deno.test("half a surrogate pair comes back as a replacement character", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const { terminal } = await adapter.replyTo(adapter.say("a\ud83db"));
  assert.equal(terminal.type, "response_end");
  assert.equal((await adapter.replyTo(adapter.say("Still here"))).text, "Still here");
});

Deno.test("binary data is refused, and the socket stays open", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  adapter.sendText(new Uint8Array(new TextEncoder().encode(JSON.stringify(message))));
  const error = await adapter.waitFor(({ type }) => type === "error");
  assert.equal(error.code, "invalid_message");
  assert.match(error.message!, /expected text, found binary data/);
  await adapter.ping();
});

Deno.test("resuming an unknown session is refused, and a new session follows", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connectRaw();
  adapter.register({ resume: { sessionId: "long gone", lastSeq: 7 } });
  const registered = await adapter.waitFor(({ type }) => type === "registered");
  assert.deepEqual(adapter.frames.map(({ code }) => code), ["invalid_session", undefined]);
  assert.equal(registered.resumed, false);
});
