/**
 * The codec under frames that nobody would write: valid ones that are bent in one place or several,
 * texts with pieces cut out and put in, and the corpus of those that were worth keeping.
 */

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

/** What becomes of a text: the type of its frame, or the code of its error, which must be a good one. */
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
      // The store keeps it as JSON: that must not change it.
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

interface Kept {
  readonly name: string;
  readonly text: string;
  readonly result: string;
}

const corpus: readonly Kept[] = Deno
  .readTextFileSync(new URL("corpus/frames.jsonl", import.meta.url)).trim().split("\n")
  .map((line) => JSON.parse(line));

Deno.test("every frame of the corpus is read or refused as it was", () => {
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

/** What stands somewhere within a frame, by path. */
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

/** One place of a frame, and what stands there instead. */
interface Bend {
  readonly place: number;
  readonly value: unknown;
  /** Another key that gets it. */
  readonly key: string | null;
}

const bend: fc.Arbitrary<Bend> = fc.record({
  place: fc.nat(),
  value: strange,
  key: fc.option(fc.string()),
});

/** A frame with some of its places bent: another value there, or under another key. */
function bent(frame: object, bends: readonly Bend[]): object {
  const copy = structuredClone(frame) as Record<string, unknown>;
  for (const { place, value, key } of bends) {
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

Deno.test("a frame that is bent anywhere is read, or refused with an error that says so", () => {
  const seen = new Set<string>();
  const property = fc.property(
    fc.constantFrom(...valid),
    fc.array(bend, { minLength: 1, maxLength: 4 }),
    (frame, bends) => void seen.add(resultOf(JSON.stringify(bent(frame, bends)))),
  );
  fc.assert(property, { seed: 7, numRuns: 4_000 });
  // It reaches both sides of the line.
  for (const result of ["message", "register", "invalid_message", "unknown_type"]) {
    assert.ok(seen.has(result), result);
  }
});

Deno.test("a text that is cut, doubled or spliced is read, or refused with an error that says so", () => {
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

Deno.test("every step of a reply, whatever its texts, is a frame that a strict adapter takes", () => {
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
