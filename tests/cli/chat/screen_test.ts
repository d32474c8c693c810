/** How frames are shown in the terminal. */

import assert from "node:assert/strict";
import { ChatScreen } from "../../../src/cli/chat/screen.ts";
import type { Clara1GatewayFrame } from "../../../src/protocol/clara1.ts";

const request_id = "r";
const start: Clara1GatewayFrame = {
  type: "response_start",
  seq: 1,
  request_id,
  response_id: "a",
  model: "m",
  tier: "mid",
};

function chunk(content: string, done = false): Clara1GatewayFrame {
  return { type: "response_chunk", seq: 2, request_id, content, done };
}

const end: Clara1GatewayFrame = {
  type: "response_end",
  seq: 3,
  request_id,
  content: "Hello Ada",
  files: [],
  tool_count: 0,
  usage: { input_tokens: 0, output_tokens: 0 },
  model: "m",
  finish_reason: "stop",
};

/** The screen after these frames, if this is the current request. */
function shown(frames: readonly Clara1GatewayFrame[], current = request_id): string {
  let text = "";
  const screen = new ChatScreen({ color: false, write: (piece) => text += piece });
  for (const frame of frames) screen.show(frame, current);
  return text;
}

Deno.test("a streamed reply is shown once", () => {
  const frames = [start, chunk("Hello "), chunk("Ada"), chunk("", true), end];
  assert.equal(shown(frames), "clara> Hello Ada\n");
});

Deno.test("a reply that arrives whole after a reconnect is shown", () => {
  assert.equal(shown([start, end]), "clara> Hello Ada\n");
});

Deno.test("a reply that began before a reconnect and then arrives whole is shown whole", () => {
  assert.equal(shown([start, chunk("Hel"), start, end]), "clara> Hel\nclara> Hello Ada\n");
});

Deno.test("control characters are removed", () => {
  assert.equal(shown([start, chunk("a\u001b[2Jb\u0007\u009bc\r\td\n")]), "clara> a[2Jbc\td\n");
});

Deno.test("frames of another request are not shown", () => {
  assert.equal(shown([start, chunk("Mine"), end], "another"), "");
});
