import assert from "node:assert/strict";
import { clara1Message, claraPyMessage } from "./frames.ts";
import { changed, errorOf, refuses } from "./reading.ts";

Deno.test("text that is not JSON is invalid_json", () => {
  for (const text of ["", " ", "{", "{'a':1}", '{"a":1}x', "\u0000", "NaN", '{"type":"ping",}']) {
    refuses(text, "invalid_json", /^Cannot read frame: /);
  }
});

Deno.test("JSON that is not an object is invalid_message, and the error says what it is", () => {
  refuses("null", "invalid_message", /expected a JSON object, found null/);
  refuses("[]", "invalid_message", /found an array/);
  refuses("1", "invalid_message", /found a number/);
  refuses('"ping"', "invalid_message", /found a string/);
  refuses("true", "invalid_message", /found a boolean/);
});

Deno.test("a type that is missing or not a string is reported", () => {
  refuses({}, "invalid_message", /"type": expected string, found nothing/);
  refuses({ type: 7, request_id: "r" }, "invalid_message", /found a number/, "r");
  refuses({ type: null, id: "r" }, "invalid_message", /found null/, "r");
});

Deno.test("an unknown type is reported with the known ones and the request id", () => {
  refuses({ type: "massage", request_id: "r" }, "unknown_type", /"massage".*message/, "r");
  for (const type of ["toString", "constructor", "__proto__", "hasOwnProperty", ""]) {
    refuses({ type }, "unknown_type", /expected one of register/);
  }
  refuses({ type: "x".repeat(100_000) }, "unknown_type", /"x{64}…"/);
});

Deno.test("a missing field of an MCP request is reported with the request id", () => {
  for (const type of ["mcp_uninstall", "mcp_restart", "mcp_enable"]) {
    refuses({ type, request_id: "r" }, "invalid_message", /"server_name"/, "r");
  }
  refuses({ type: "mcp_install", request_id: "r" }, "invalid_message", /"source"/, "r");
  refuses({ type: "mcp_list" }, "invalid_message", /"request_id"/);
});

const wrongFields: readonly (readonly [string, object, RegExp])[] = [
  ["a number for a string", { content: 7 }, /"content": expected string/],
  ["an object for a string", { content: {} }, /"content": expected string/],
  ["a number for an id", { user_id: 12 }, /"user_id": expected string/],
  ["an empty id", { channel_id: "" }, /"channel_id": .*1/],
  ["an id of 257 characters", { channel_id: "x".repeat(257) }, /"channel_id": .*256/],
  ["a string for a list", { attachments: "a" }, /"attachments": expected array/],
  ["an object for a list", { attachments: {} }, /"attachments": expected array/],
  [
    "an unknown kind of attachment",
    { attachments: [{ type: "x", filename: "f" }] },
    /"attachments\.0\.type": .*"image"/,
  ],
  [
    "an attachment without a name",
    { attachments: [{ type: "file" }] },
    /"attachments\.0\.filename"/,
  ],
  [
    "a negative size",
    { attachments: [{ type: "file", filename: "f", size: -1 }] },
    /"attachments\.0\.size"/,
  ],
  ["an unknown priority", { priority: "urgent" }, /"priority": .*"high"/],
  ["an unknown overlap", { overlap: "drop" }, /"overlap": .*"queue"/],
  ["an unknown tier", { tier_override: "top" }, /"tier_override": .*"mid"/],
  ["an unknown kind of channel", { channel_type: "x" }, /"channel_type": .*"dm"/],
  ["a list for metadata", { metadata: [] }, /"metadata": expected record/],
  ["an unknown role", { reply_chain: [{ role: "tool", content: "" }] }, /"reply_chain\.0\.role"/],
];
for (const [name, fields, says] of wrongFields) {
  Deno.test(`${name} is invalid_message, and the error names the field and what was expected`, () => {
    refuses({ ...clara1Message, ...fields }, "invalid_message", says, "r-1");
  });
}

Deno.test("an invalid field of a clara-py message is reported with its path", () => {
  const wrong = (path: string, value: unknown) => changed(claraPyMessage, path, () => value);
  refuses(wrong("user.id", 7), "invalid_message", /"user\.id": expected string/, "r-1");
  refuses(wrong("user.platform_id", undefined), "invalid_message", /"user\.platform_id"/, "r-1");
  refuses(wrong("channel.type", "x"), "invalid_message", /"channel\.type": .*"server"/, "r-1");
  refuses(wrong("user", null), "invalid_message", /"user": expected object/, "r-1");
  refuses(wrong("id", 7), "invalid_message", /"id": expected string/);
});

Deno.test("invalid fields of other frames are reported", () => {
  const register = { type: "register", platform: "cli", node_id: "n", capabilities: [] };
  refuses({ ...register, node_id: undefined }, "invalid_message", /"node_id"/);
  refuses({ ...register, platform: "x".repeat(65) }, "invalid_message", /"platform"/);
  refuses({ ...register, capabilities: "x" }, "invalid_message", /"capabilities"/);
  refuses({ ...register, protocol: 2 }, "invalid_message", /"protocol": .*1/);
  refuses({ ...register, last_seq: -1 }, "invalid_message", /"last_seq"/);
  refuses({ ...register, last_seq: 1.5 }, "invalid_message", /"last_seq"/);
  refuses({ type: "ack", seq: "1" }, "invalid_message", /"seq": expected number/);
  refuses({ type: "cancel" }, "invalid_message", /a request_id or a channel_id/);
  refuses({ type: "cancel", request_id: null }, "invalid_message", /a request_id or a channel_id/);
});

Deno.test("an error reports at most five fields and repeats no long value", () => {
  const attachments = Array.from({ length: 1000 }, () => ({ type: "x".repeat(10_000) }));
  refuses({ ...clara1Message, attachments }, "invalid_message", /"attachments\.0\.type"/, "r-1");
});

Deno.test("an error does not repeat a request id that is too long", () => {
  refuses({ ...clara1Message, request_id: "x".repeat(257) }, "invalid_message", /"request_id"/);
});

const badIds = [["a lone surrogate", "\ud800"], ["a NUL", "a\0b"], ["a newline", "a\nb"]] as const;
for (const [name, bad] of badIds) {
  Deno.test(`an id with ${name} is rejected`, () => {
    for (const field of ["request_id", "user_id", "channel_id", "thread_id"]) {
      const error = errorOf({ ...clara1Message, [field]: bad });
      assert.equal(error.code, "invalid_message");
      assert.match(error.message, new RegExp(`"${field}"`));
    }
    refuses({ type: "register", platform: "p", node_id: bad }, "invalid_message", /"node_id"/);
  });
}

Deno.test("errors about invalid frames are recoverable", () => {
  assert.equal(errorOf("{").recoverable, true);
  assert.equal(errorOf({ type: "x" }).recoverable, true);
  assert.equal(errorOf({ ...clara1Message, content: 1 }).recoverable, true);
});

Deno.test("an error carries the longest valid id, even if its characters are outside the basic plane", () => {
  const requestId = "\u{1F44B}".repeat(256);
  const frame = { type: "message", request_id: requestId, user_id: "u", channel_id: "c" };
  assert.equal(errorOf(frame).requestId, requestId);
  assert.equal(errorOf({ ...frame, request_id: `${requestId}x` }).requestId, undefined);
});
