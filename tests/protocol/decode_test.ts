import assert from "node:assert/strict";
import { decodeFrame } from "../../src/protocol/decode.ts";
import type { UserMessage } from "../../src/domain/message.ts";
import { clara1Message, claraPyMessage } from "./frames.ts";
import { changed, decode, errorOf, messageOf, refuses } from "./reading.ts";

Deno.test("a clara-1 message with every field is decoded", () => {
  assert.deepEqual(messageOf(clara1Message), {
    dialect: "clara-1",
    requestId: "r-1",
    user: { id: "u-1", name: "Ada" },
    channel: { id: "c-1", type: "group", name: "general", threadId: "t-1" },
    content: "Hello",
    attachments: [
      {
        type: "image",
        filename: "a.png",
        mediaType: "image/png",
        base64: "aGk=",
        text: "caption",
        size: 2,
      },
      {
        type: "text",
        filename: "a.txt",
        mediaType: undefined,
        base64: undefined,
        text: "hi",
        size: undefined,
      },
    ],
    replyChain: [
      { role: "user", content: "earlier", userId: "u-2", userName: "Bob" },
      { role: "assistant", content: "yes", userId: undefined, userName: undefined },
    ],
    priority: "high",
    overlap: "interrupt",
    tier: "low",
    metadata: { any: ["thing", { deep: null }] },
  });
});

Deno.test("a clara-1 message needs only ids and content", () => {
  const { request_id, user_id, channel_id, content, type } = clara1Message;
  assert.deepEqual(messageOf({ type, request_id, user_id, channel_id, content }), {
    dialect: "clara-1",
    requestId: "r-1",
    user: { id: "u-1", name: undefined },
    channel: { id: "c-1", type: undefined, name: undefined, threadId: undefined },
    content: "Hello",
    attachments: [],
    replyChain: [],
    priority: "normal",
    overlap: undefined,
    tier: undefined,
    metadata: {},
  });
});

Deno.test("a clara-py message with every field is decoded", () => {
  const message = messageOf(claraPyMessage);
  assert.equal(message.dialect, "clara-py");
  assert.equal(message.requestId, "r-1");
  assert.deepEqual(message.user, { id: "u-1", platformId: "p-1", name: "Ada L." });
  assert.deepEqual(message.channel, {
    id: "c-1",
    type: "dm",
    name: "general",
    serverId: "g-1",
    serverName: "Guild",
  });
  assert.equal(message.attachments[0]?.base64, "aGk=");
  assert.equal(message.replyChain[0]?.userName, "Bob");
  assert.equal(message.tier, "high");
  assert.equal(message.priority, "normal");
  assert.deepEqual(message.metadata, { is_mention: true });
});

const optional = {
  "clara-1": [
    "attachments user_name channel_type channel_name thread_id priority overlap reply_chain",
    "tier_override metadata",
    "attachments.0.media_type attachments.0.base64_data attachments.0.content attachments.0.size",
    "reply_chain.0.user_id reply_chain.0.user_name",
  ],
  "clara-py": [
    "user.display_name channel.name channel.guild_id channel.guild_name attachments",
    "reply_chain tier_override metadata",
    "attachments.0.media_type attachments.0.base64_data attachments.0.content attachments.0.size",
    "reply_chain.0.user_id reply_chain.0.user_name",
  ],
} as const;

for (const [dialect, lists] of Object.entries(optional)) {
  for (const path of lists.flatMap((list) => list.split(" "))) {
    Deno.test(`${dialect}: null for ${path} means absent`, () => {
      const sample = dialect === "clara-1" ? clara1Message : claraPyMessage;
      const withNull = messageOf(changed(sample, path, () => null));
      assert.deepEqual(withNull, messageOf(changed(sample, path, () => undefined)));
      assert.notDeepEqual(withNull, messageOf(sample));
    });
  }
}

Deno.test("without a display name, or with an empty one, the name is used", () => {
  for (const none of ["", null, undefined]) {
    const nameless = changed(claraPyMessage, "user.display_name", () => none);
    assert.equal(messageOf(nameless).user.name, "ada");
    const both = changed(nameless as object, "user.name", () => none);
    assert.equal(messageOf(both).user.name, undefined);
  }
});

Deno.test("a message is clara-py if it has an object user or channel, or id and no id of clara-1", () => {
  const missing = (frame: object) => errorOf({ type: "message", ...frame }).message;
  assert.match(missing({ user: {} }), /"channel"/);
  assert.match(missing({ channel: {} }), /"user"/);
  assert.match(missing({ id: "x" }), /"user".*"channel"/);
  assert.match(missing({ id: "x", user_id: "u" }), /"request_id".*"channel_id"/);
  assert.match(missing({ user: "u" }), /"request_id".*"user_id".*"channel_id"/);
  assert.match(missing({}), /"request_id"/);
});

Deno.test("every other frame of an adapter is decoded", () => {
  const register = { type: "register", platform: "cli", node_id: "n", capabilities: ["x"] };
  const more = { protocol: 1, session_id: "s", last_seq: 0, secret: "q", metadata: { a: 1 } };
  const frames = [
    { ...register, ...more },
    { type: "cancel", request_id: "r", reason: "no" },
    { type: "cancel", channel_id: "c" },
    { type: "ack", seq: 0 },
    { type: "ping", timestamp: "2026-01-01T00:00:00.000Z" },
    { type: "ping", timestamp: 12.5 },
    { type: "ping" },
    { type: "status" },
  ];
  for (const frame of frames) assert.deepEqual(decode(frame), frame);
});

Deno.test("an adapter can register without capabilities and with nulls", () => {
  const register = { type: "register", platform: "cli", node_id: "n" };
  assert.deepEqual(decode(register), { ...register, capabilities: [] });
  const nulls = { metadata: null, secret: null, protocol: null, session_id: null, last_seq: null };
  assert.deepEqual(decode({ ...register, ...nulls }), { ...register, ...nulls, capabilities: [] });
});

Deno.test("a cancel with a null for the field it does not use is decoded", () => {
  const cancel = { type: "cancel", request_id: "r", channel_id: null, reason: null };
  assert.deepEqual(decode(cancel), cancel);
});

Deno.test("unknown fields are ignored", () => {
  const message = messageOf({ ...clara1Message, more: 1, toString: "x" });
  assert.deepEqual(message, messageOf(clara1Message));
  assert.deepEqual(decode({ type: "status", id: null, also: [] }), { type: "status" });
});

Deno.test("prototype keys are data or ignored, and change no prototype", () => {
  const text = JSON.stringify(clara1Message).replace(
    '"metadata":{',
    '"__proto__":{"content":"evil","polluted":1},"constructor":{"prototype":{"polluted":1}},' +
      '"metadata":{"__proto__":{"polluted":1},"constructor":1,',
  );
  const { message } = decodeFrame(text) as { readonly message: UserMessage };
  assert.equal(message.content, "Hello");
  assert.equal("polluted" in {}, false);
  assert.equal("polluted" in message.metadata, false);
  assert.equal(Object.getPrototypeOf(message.metadata), Object.prototype);
  const bare = '{"type":"message","__proto__":{"request_id":"r","user_id":"u","channel_id":"c",' +
    '"content":"evil"}}';
  refuses(bare, "invalid_message", /"request_id"/);
});

Deno.test("ten thousand levels of nesting are ignored in unknown fields and rejected elsewhere", () => {
  const deep = "[".repeat(10_000) + "]".repeat(10_000);
  const objects = '{"a":'.repeat(10_000) + "1" + "}".repeat(10_000);
  const text = (field: string, value: string) =>
    JSON.stringify({ ...clara1Message, [field]: "HERE" }).replace('"HERE"', value);
  assert.equal(decodeFrame(text("unknown", deep)).type, "message");
  refuses(text("metadata", objects), "invalid_message", /"metadata".*32 levels/, "r-1");
  refuses(text("content", deep), "invalid_message", /"content"/, "r-1");
  refuses(deep, "invalid_message", /an array/);
  refuses("[".repeat(100_000), "invalid_json", /Cannot read frame/);
});

Deno.test("a lone surrogate in the content does not break the frame", () => {
  const { content } = messageOf({ ...clara1Message, content: "a\ud800b" });
  assert.match(content, /^a.b$/);
});

Deno.test("a bare mention of a Python adapter is a greeting, an unknown tier the default one", () => {
  const message = messageOf({
    ...claraPyMessage,
    content: "",
    attachments: [],
    tier_override: "ultra",
  });
  assert.equal(message.content, "Hello");
  assert.equal(message.tier, undefined);
});
