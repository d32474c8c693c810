/**
 * Checks frames as a strict adapter would: only fields of the dialect, no gap in sequence numbers,
 * no frame of a request after its end.
 */

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import * as clara1 from "../../../src/protocol/clara1.ts";
import * as claraPy from "../../../src/protocol/clara_py.ts";
import { mcpResponses } from "../../../src/protocol/mcp_frames.ts";
import type { Dialect } from "../../../src/domain/message.ts";

/** Frames a Python adapter receives outside a request. It ignores extra fields of `registered`. */
const claraPyFrames = {
  ...claraPy.gatewayFrames,
  registered: z.looseObject({
    type: z.literal("registered"),
    node_id: clara1.id,
    session_id: clara1.id,
    server_time: z.iso.datetime(),
  }),
  pong: z.object({ type: z.literal("pong"), timestamp: z.iso.datetime() }),
} as const;

const schemas: Readonly<Record<Dialect, Readonly<Record<string, z.ZodObject>>>> = {
  "clara-1": { ...clara1.gatewayFrames, ...mcpResponses },
  "clara-py": { ...claraPyFrames, ...mcpResponses },
};

const terminals = new Set(["response_end", "cancelled", "error", "proactive_message"]);
/** Frames that may start a repeated reply. */
const firsts = new Set(["response_start", "cancelled", "error"]);
/** Frames allowed after the end of a request: answers to a resend or a late cancel. */
const afterwards = new Set(["status", "error"]);

/**
 * Describes how a frame violates its schema (wrong type, missing or unknown field at any depth), or
 * returns undefined.
 */
export function schemaViolation(dialect: Dialect, frame: unknown): string | undefined {
  const type = (frame as { readonly type?: unknown } | null)?.type;
  if (typeof type !== "string" || !Object.hasOwn(schemas[dialect], type)) {
    return `${dialect} has no frame ${JSON.stringify(type)}`;
  }
  const parsed = schemas[dialect][type]!.safeParse(frame);
  if (!parsed.success) return `${type}: ${z.prettifyError(parsed.error)}`;
  // Schemas drop unknown fields, so a difference is an unknown field.
  if (isDeepStrictEqual(parsed.data, frame)) return undefined;
  return `${type}: has more fields than the dialect: it has ${JSON.stringify(frame)}, ` +
    `known are ${JSON.stringify(parsed.data)}`;
}

/** Checks the frames of one connection. */
export class FrameCheck {
  readonly #dialect: Dialect;
  readonly #ended = new Set<string>();
  /** How many more times a request's reply may be repeated. */
  readonly #repeats = new Map<string, number>();
  #seq?: number;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** The last sequence number, or 0; what an adapter resumes from. */
  get lastSeq(): number {
    return this.#seq ?? 0;
  }

  /** Call when a message is sent or resent: a (new) reply may follow. */
  sent(requestId: string): void {
    this.#ended.delete(requestId);
  }

  /**
   * Call when a message is resent while its reply may be in flight: that reply may arrive, and then
   * the reply to the resend.
   */
  repeated(requestId: string): void {
    this.#repeats.set(requestId, (this.#repeats.get(requestId) ?? 0) + 1);
  }

  /** Describes what is wrong with the next frame, or returns undefined. */
  violation(frame: unknown): string | undefined {
    const wrong = schemaViolation(this.#dialect, frame);
    if (wrong) return wrong;
    const { type, request_id, seq, code } = frame as {
      readonly type: string;
      readonly code?: string;
      readonly request_id?: string | null;
      readonly seq?: number;
    };
    // A `not_found` error for a late cancel does not end the request.
    return this.#gap(seq) ?? (code === "not_found" ? undefined : this.#late(type, request_id));
  }

  #gap(seq: number | undefined): string | undefined {
    if (seq === undefined) return undefined;
    const last = this.#seq;
    this.#seq = seq;
    if (last === undefined || seq === last + 1) return undefined;
    return `the sequence goes from ${last} to ${seq}`;
  }

  #late(type: string, requestId: string | null | undefined): string | undefined {
    if (!requestId) return undefined;
    if (this.#ended.has(requestId) && firsts.has(type)) this.#useRepeat(requestId);
    const ended = this.#ended.has(requestId);
    if (terminals.has(type)) this.#ended.add(requestId);
    return ended && !afterwards.has(type)
      ? `${type} came after the end of request "${requestId}"`
      : undefined;
  }

  #useRepeat(requestId: string): void {
    const left = this.#repeats.get(requestId) ?? 0;
    if (left === 0) return;
    this.#repeats.set(requestId, left - 1);
    this.#ended.delete(requestId);
  }
}
