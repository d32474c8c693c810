/** Reads frames as the server does, and says what a test wants of the result. */

import assert from "node:assert/strict";
import { type ErrorCode, GatewayError } from "../../src/domain/errors.ts";
import { decodeFrame } from "../../src/protocol/decode.ts";
import type { UserMessage } from "../../src/domain/message.ts";

/** Reads a frame that is given as an object. */
export function decode(frame: unknown) {
  return decodeFrame(JSON.stringify(frame));
}

/** The message that a frame gives. */
export function messageOf(frame: unknown): UserMessage {
  const decoded = decode(frame);
  assert.equal(decoded.type, "message");
  return (decoded as { readonly message: UserMessage }).message;
}

/** The error that reading a frame (an object, or text as it is) gives. */
export function errorOf(frame: unknown): GatewayError {
  try {
    decodeFrame(typeof frame === "string" ? frame : JSON.stringify(frame));
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  }
  assert.fail(`No error for ${JSON.stringify(frame)}`);
}

/** Wants an error of this code, text and request, and of a bearable length. */
export function refuses(frame: unknown, code: ErrorCode, says: RegExp, requestId?: string): void {
  const error = errorOf(frame);
  assert.equal(error.code, code);
  assert.match(error.message, says);
  assert.equal(error.requestId, requestId);
  assert.ok(error.message.length < 1000, "a frame cannot blow up its own error");
}

/** A copy of a frame with one field changed; undefined leaves it out. */
export function changed(frame: object, path: string, change: (old: unknown) => unknown): unknown {
  const copy = structuredClone(frame);
  const keys = path.split(".");
  const last = keys.pop()!;
  let at = copy as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = change(at[last]);
  return copy;
}
