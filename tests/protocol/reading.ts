/** Decodes frames and checks the result. */

import assert from "node:assert/strict";
import { type ErrorCode, GatewayError } from "../../src/domain/errors.ts";
import { decodeFrame } from "../../src/protocol/decode.ts";
import type { UserMessage } from "../../src/domain/message.ts";

/** Decodes a frame given as an object. */
export function decode(frame: unknown) {
  return decodeFrame(JSON.stringify(frame));
}

/** Decodes a `message`. */
export function messageOf(frame: unknown): UserMessage {
  const decoded = decode(frame);
  assert.equal(decoded.type, "message");
  return (decoded as { readonly message: UserMessage }).message;
}

/** Returns the error of decoding an invalid frame, given as an object or text. */
export function errorOf(frame: unknown): GatewayError {
  try {
    decodeFrame(typeof frame === "string" ? frame : JSON.stringify(frame));
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  }
  assert.fail(`No error for ${JSON.stringify(frame)}`);
}

/** Asserts that decoding fails with this code, text and request id, and with a short error. */
export function refuses(frame: unknown, code: ErrorCode, says: RegExp, requestId?: string): void {
  const error = errorOf(frame);
  assert.equal(error.code, code);
  assert.match(error.message, says);
  assert.equal(error.requestId, requestId);
  assert.ok(error.message.length < 1000, "the error is short, whatever the frame");
}

/** Returns a copy of a frame with one field changed, or removed by returning undefined. */
export function changed(frame: object, path: string, change: (old: unknown) => unknown): unknown {
  const copy = structuredClone(frame);
  const keys = path.split(".");
  const last = keys.pop()!;
  let at = copy as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = change(at[last]);
  return copy;
}
