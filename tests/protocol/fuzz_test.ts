/** The codec under mutated frames, mutated text, and a corpus of frames that once caused trouble. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { GatewayError } from "../../src/domain/errors.ts";
import { decodeFrame } from "../../src/protocol/decode.ts";
import { encodeReply } from "../../src/protocol/encode.ts";
import { dialects, tiers } from "../../src/domain/message.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import { schemaViolation } from "../support/adapter/frame_check.ts";
import { clara1Message, claraPyMessage } from "./frames.ts";

const refusals = ["invalid_json", "invalid_message", "unknown_type"];

/** Decodes a text, checks the result, and returns the frame's type or the error's code. */
function resultOf(text: string): string {
  try {
    const frame = decodeFrame(text);
    if (frame.type === "message") {
      const { requestId, user, channel, content, attachments } = frame.message;
      for (const id of [requestId, user.id, channel.id]) {
        const characters = [...id].length;
        assert.ok(characters > 0 && characters <= 256 && id.isWellFormed() && !/\p{Cc}/u.test(id));
      }
      assert.ok(content.trim() !== "" || attachments.length > 0);
      // The store serializes it as JSON, which must not change it.
      const kept = JSON.stringify(frame.message);
      assert.equal(JSON.stringify(JSON.parse(kept)), kept);
    }
    return frame.type;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    assert.ok(refusals.includes(error.code), error.code);
    assert.ok(error.message.length < 1_500, `${error.message.length} characters of an error`);
    assert.ok([...error.requestId ?? ""].length <= 256);
    return error.code;
  } finally {
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  }
}

interface CorpusEntry {
  readonly name: string;
  readonly text: string;
  readonly result: string;
}

const corpus: readonly CorpusEntry[] = Deno
  .readTextFileSync(new URL("corpus/frames.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => JSON.parse(line));

Deno.test("every frame of the corpus gives the recorded result", () => {
  for (const { name, text, result } of corpus) assert.equal(resultOf(text), result, name);
});

const valid: readonly object[] = [
  clara1Message,
  claraPyMessage,
  { type: "register", platform: "p", node_id: "n", capabilities: ["resume"], metadata: {} },
  { type: "cancel", request_id: "r-1", channel_id: "c-1", reason: "why" },
  { type: "ack", seq: 7 },
  { type: "approval_response", approval_id: "a", approved: true },
  { type: "mcp_install", request_id: "r", source: "npx x", name: "x" },
  { type: "mcp_enable", request_id: "r", server_name: "x", enabled: true },
];

/** The paths of all values in a frame. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return path.length > 0 ? [path, ...inner] : inner;
}

const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom<unknown>(
    null,
    "",
    " ",
    "\ud800",
    "x".repeat(257),
    "a\u0000b",
    -0,
    1e308,
    { polluted: true },
    [[[[]]]],
    undefined,
  ),
);

/** A change of one value in a frame. */
interface Mutation {
  readonly place: number;
  readonly value: unknown;
  /** Another key to put the value under. */
  readonly key: string | null;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(),
  value: strange,
  key: fc.option(fc.string()),
});

/** Returns a mutated copy of a frame. */
function mutate(frame: object, mutations: readonly Mutation[]): object {
  const copy = structuredClone(frame) as Record<string, unknown>;
  for (const { place, value, key } of mutations) {
    const paths = pathsOf(copy);
    const path = [...paths[place % paths.length]!];
    const last = path.pop()!;
    let at: Record<string, unknown> = copy;
    for (const step of path) at = at[step] as Record<string, unknown>;
    Object.defineProperty(at, key ?? last, {
      value: structuredClone(value),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}

Deno.test("a mutated frame is decoded or rejected with a proper error", () => {
  const seen = new Set<string>();
  const property = fc.property(
    fc.constantFrom(...valid),
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    (frame, mutations) => void seen.add(resultOf(JSON.stringify(mutate(frame, mutations)))),
  );
  fc.assert(property, { seed: 7, numRuns: 4_000 });
  // The mutations produce both valid and invalid frames.
  for (const result of ["message", "register", "invalid_message", "unknown_type"]) {
    assert.ok(seen.has(result), result);
  }
});

Deno.test("mutated text is decoded or rejected with a proper error", () => {
  const property = fc.property(
    fc.constantFrom(
      ...valid.map((frame) => JSON.stringify(frame)),
      ...corpus.map(({ text }) => text),
    ),
    fc.nat(),
    fc.nat(),
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('"', "\\", "{", "]", "\\ud800", "e9", ""),
    ),
    (text, from, to, piece) => {
      const [start, end] = [from % (text.length + 1), to % (text.length + 1)];
      resultOf(text.slice(0, start) + piece + text.slice(end));
    },
  );
  fc.assert(property, { seed: 7, numRuns: 4_000 });
});

const text = fc.string({ unit: "binary" });
const common = { requestId: fc.constant("r-1"), responseId: fc.constant("resp-1") };
const tool = {
  ...common,
  toolName: text,
  callId: text,
  step: fc.integer({ min: 1, max: 9 }),
  description: text,
};
const file = fc.record({ filename: text, base64: text, mediaType: text });
const replyFrame: fc.Arbitrary<ReplyFrame> = fc.oneof(
  fc.record({
    ...common,
    type: fc.constant("start" as const),
    model: text,
    tier: fc.constantFrom(...tiers),
  }),
  fc.record({ ...common, type: fc.constant("chunk" as const), text, done: fc.boolean() }),
  fc.record({ ...tool, type: fc.constant("tool_started" as const), emoji: text }),
  fc.record({
    ...tool,
    type: fc.constant("tool_finished" as const),
    success: fc.boolean(),
    outputPreview: text,
    durationMs: fc.nat(),
  }),
  fc.record({
    ...common,
    type: fc.constant("end" as const),
    text,
    files: fc.array(file),
    toolCount: fc.nat(),
    usage: fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }),
    model: text,
    finishReason: fc.constantFrom("stop" as const, "length" as const, "other" as const),
  }),
  fc.record({
    ...common,
    type: fc.constant("error" as const),
    code: fc.constantFrom("llm_timeout" as const, "internal_error" as const),
    message: text,
    recoverable: fc.boolean(),
  }),
);

Deno.test("every reply frame, whatever its text, is encoded as a valid frame", () => {
  const property = fc.property(replyFrame, fc.constantFrom(...dialects), (frame, dialect) => {
    const wire = encodeReply(dialect, frame, () => 7);
    if (wire === undefined) return;
    const arrived = JSON.parse(
      new TextDecoder().decode(new TextEncoder().encode(JSON.stringify(wire))),
    );
    assert.equal(schemaViolation(dialect, arrived), undefined);
  });
  fc.assert(property, { seed: 7, numRuns: 2_000 });
});
