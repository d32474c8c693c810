import assert from "node:assert/strict";
import { dialects } from "../../src/domain/message.ts";
import { encodeReply } from "../../src/protocol/encode.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import { schemaViolation } from "../support/adapter/frame_check.ts";

const ids = { requestId: "r-1", responseId: "resp-1" };
const tool = { toolName: "look", callId: "call-1", step: 1, description: "Looking at the moon" };
const end = {
  text: "Hello",
  files: [{ filename: "a.txt", base64: "aGk=", mediaType: "text/plain" }],
  toolCount: 1,
  usage: { inputTokens: 3, outputTokens: 4 },
  model: "model-1",
  finishReason: "stop",
} as const;
const error = {
  code: "llm_timeout",
  message: "Too slow",
  recoverable: true,
  details: { after_ms: 5 },
} as const;

/** Every frame of a reply, by name. */
const steps = {
  start: { ...ids, type: "start", model: "model-1", tier: "mid" },
  chunk: { ...ids, type: "chunk", text: "Hello", done: false },
  last: { ...ids, type: "chunk", text: "", done: true },
  toolStarted: { ...ids, ...tool, type: "tool_started", emoji: "\u{1F50D}" },
  toolFinished: {
    ...ids,
    ...tool,
    type: "tool_finished",
    success: true,
    outputPreview: "a moon",
    durationMs: 12,
  },
  end: { ...ids, ...end, type: "end" },
  cancelled: { ...ids, type: "cancelled" },
  error: { ...ids, ...error, type: "error" },
} as const satisfies Readonly<Record<string, ReplyFrame>>;

const fixed = () => 7;
const never = () => assert.fail("a clara-py frame has no sequence number");

function clara1(step: ReplyFrame) {
  return encodeReply("clara-1", step, fixed);
}

function claraPy(step: ReplyFrame) {
  return encodeReply("clara-py", step, never);
}

for (const dialect of dialects) {
  for (const [name, step] of Object.entries(steps)) {
    Deno.test(`${dialect}: ${name} matches its schema exactly`, () => {
      const frame = encodeReply(dialect, step, fixed);
      if (!frame) return assert.deepEqual([dialect, name], ["clara-py", "last"]);
      // JSON drops undefined fields, as on the wire.
      assert.equal(schemaViolation(dialect, JSON.parse(JSON.stringify(frame))), undefined);
    });
  }
}

Deno.test("clara-1 frames have the documented fields", () => {
  const common = { seq: 7, request_id: "r-1" };
  assert.deepEqual(clara1(steps.start), {
    ...common,
    type: "response_start",
    response_id: "resp-1",
    model: "model-1",
    tier: "mid",
  });
  const chunk = { ...common, type: "response_chunk" };
  assert.deepEqual(clara1(steps.chunk), { ...chunk, content: "Hello", done: false });
  assert.deepEqual(clara1(steps.last), { ...chunk, content: "", done: true });
  const status = {
    ...common,
    type: "tool_status",
    tool_name: "look",
    call_id: "call-1",
    step: 1,
    description: "Looking at the moon",
  };
  assert.deepEqual(clara1(steps.toolStarted), { ...status, status: "running" });
  const after = { duration_ms: 12, output_preview: "a moon" };
  assert.deepEqual(clara1(steps.toolFinished), { ...status, ...after, status: "completed" });
  const failed = clara1({ ...steps.toolFinished, success: false });
  assert.deepEqual(failed, { ...status, ...after, status: "failed" });
  assert.deepEqual(clara1(steps.end), {
    ...common,
    type: "response_end",
    content: "Hello",
    files: [{ filename: "a.txt", content_base64: "aGk=", media_type: "text/plain" }],
    tool_count: 1,
    usage: { input_tokens: 3, output_tokens: 4 },
    model: "model-1",
    finish_reason: "stop",
  });
  assert.deepEqual(clara1(steps.cancelled), { ...common, type: "cancelled" });
  assert.deepEqual(clara1(steps.error), { ...common, ...error, type: "error" });
  const { details: _, ...plain } = steps.error;
  assert.equal("details" in clara1(plain)!, false);
});

Deno.test("clara-py frames have every field that the Python adapters require", () => {
  const common = { id: "resp-1", request_id: "r-1" };
  assert.deepEqual(claraPy(steps.start), { ...common, type: "response_start", model_tier: "mid" });
  assert.deepEqual(claraPy(steps.chunk), {
    ...common,
    type: "response_chunk",
    chunk: "Hello",
    accumulated: null,
  });
  assert.deepEqual(claraPy(steps.toolStarted), {
    ...common,
    type: "tool_start",
    tool_name: "look",
    step: 1,
    description: "Looking at the moon",
    emoji: "\u{1F50D}",
  });
  assert.deepEqual(claraPy(steps.toolFinished), {
    ...common,
    type: "tool_result",
    tool_name: "look",
    success: true,
    output_preview: "a moon",
    duration_ms: 12,
  });
  assert.deepEqual(claraPy(steps.end), {
    ...common,
    type: "response_end",
    full_text: "Hello",
    files: [],
    file_data: [{ filename: "a.txt", content_base64: "aGk=", media_type: "text/plain" }],
    tool_count: 1,
    tokens_used: 7,
  });
  assert.deepEqual(claraPy(steps.cancelled), { type: "cancelled", request_id: "r-1" });
  const { details: _, ...plain } = error;
  assert.deepEqual(claraPy(steps.error), { ...plain, type: "error", request_id: "r-1" });
});

Deno.test("the last, empty chunk has no frame in clara-py", () => {
  assert.equal(claraPy(steps.last), undefined);
  assert.notEqual(claraPy({ ...steps.last, text: "rest" }), undefined);
});

Deno.test("each clara-1 frame uses one sequence number, a clara-py frame none", () => {
  let seq = 0;
  const next = () => ++seq;
  const all = Object.values(steps);
  const taken = all.map((step) => {
    encodeReply("clara-py", step, next);
    return (encodeReply("clara-1", step, next) as { readonly seq?: number }).seq;
  });
  assert.deepEqual(taken, all.map((_, index) => index + 1));
  assert.equal(seq, all.length);
});

/** What the library of the Python system's adapters accepts. */
const maxPythonFrame = 1024 * 1024;
const fieldsOf = (step: ReplyFrame) => claraPy(step) as unknown as Record<string, unknown>;
const size = (frame: unknown) => new TextEncoder().encode(JSON.stringify(frame)).length;

Deno.test("clara-py: after a repeated start the first chunk says all that there is so far", () => {
  const first = fieldsOf({ ...steps.chunk, first: true });
  assert.deepEqual([first.type, first.accumulated], ["response_chunk", "Hello"]);
  assert.equal(fieldsOf(steps.chunk).accumulated, null);
});

Deno.test("clara-py: files that would exceed the adapter's frame are left out and named", () => {
  const file = (filename: string, bytes: number) =>
    ({ filename, base64: "A".repeat(bytes), mediaType: "x/y" }) as const;
  const frame = claraPy({
    ...steps.end,
    files: [file("small.txt", 1_000), file("large.zip", 2_000_000), file("other.txt", 500)],
  });
  assert(size(frame) < maxPythonFrame);
  const { full_text, file_data } = frame as unknown as {
    full_text: string;
    file_data: readonly { filename: string }[];
  };
  assert.deepEqual(file_data.map(({ filename }) => filename), ["small.txt", "other.txt"]);
  assert.equal(
    full_text,
    'Hello\n\n[The file "large.zip" is too large for this chat and was not sent.]',
  );
});

for (const letter of ["x", "\u0001", "é", "😀", '"']) {
  Deno.test(`clara-py: a text of two million ${JSON.stringify(letter)} still fits into a frame`, () => {
    const text = letter.repeat(2_000_000);
    for (const step of [{ ...steps.end, text }, { ...steps.chunk, text, first: true }]) {
      const frame = claraPy(step);
      assert(size(frame) < maxPythonFrame, `${size(frame)} bytes`);
      assert.match(JSON.stringify(frame), /more characters do not fit/);
    }
  });
}

Deno.test("clara-py: a proactive message names the files that its frame has no place for", () => {
  const frame = fieldsOf({
    ...ids,
    type: "proactive",
    user: { id: "u" },
    channel: { id: "c" },
    text: "Done",
    files: end.files,
    priority: "normal",
  });
  assert.match(String(frame.content), /^Done\n\n\[The file "a\.txt" is too large/);
});
