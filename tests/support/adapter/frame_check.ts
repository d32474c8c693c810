/**
 * What a strict adapter demands of the frames that it gets: nothing but the fields of its dialect,
 * no gap in the sequence numbers, nothing of a request after its end. The adapter client asks it
 * about every frame.
 */

import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import * as clara1 from "../../../src/protocol/clara1.ts";
import * as claraPy from "../../../src/protocol/clara_py.ts";
import { mcpResponses } from "../../../src/protocol/mcp_frames.ts";
import type { Dialect } from "../../../src/domain/message.ts";

/** The frames that a Python adapter gets outside a request. It ignores what else `registered` has. */
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
/** Frames with which a reply that comes again may begin. */
const firsts = new Set(["response_start", "cancelled", "error"]);
/** Frames that may come about a request that has ended: answers to a resend or a late cancel. */
const afterwards = new Set(["status", "error"]);

/**
 * What is wrong with a frame by its schema, or undefined: a wrong type, a missing field, or a field
 * that the dialect does not have, at any depth.
 */
export function schemaViolation(dialect: Dialect, frame: unknown): string | undefined {
  const type = (frame as { readonly type?: unknown } | null)?.type;
  if (typeof type !== "string" || !Object.hasOwn(schemas[dialect], type)) {
    return `${dialect} has no frame ${JSON.stringify(type)}`;
  }
  const parsed = schemas[dialect][type]!.safeParse(frame);
  if (!parsed.success) return `${type}: ${z.prettifyError(parsed.error)}`;
  // The schemas drop what they do not know: a difference is an unknown field.
  if (isDeepStrictEqual(parsed.data, frame)) return undefined;
  return `${type}: has more fields than the dialect: it has ${JSON.stringify(frame)}, ` +
    `known are ${JSON.stringify(parsed.data)}`;
}

/** Follows one socket's frames. */
export class FrameCheck {
  readonly #dialect: Dialect;
  readonly #ended = new Set<string>();
  /** How often the reply of a request may come once more. */
  readonly #repeats = new Map<string, number>();
  #seq?: number;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** The last sequence number, 0 before the first; what a resuming adapter names. */
  get lastSeq(): number {
    return this.#seq ?? 0;
  }

  /** Notes that a message was sent (again): its reply may come (again). */
  sent(requestId: string): void {
    this.#ended.delete(requestId);
  }

  /**
   * Notes that a message was sent again without knowing whether it has ended: what crosses it on the
   * wire may be its reply, and the reply to this sending follows then.
   */
  repeated(requestId: string): void {
    this.#repeats.set(requestId, (this.#repeats.get(requestId) ?? 0) + 1);
  }

  /** What is wrong with the next frame, or undefined. */
  violation(frame: unknown): string | undefined {
    const wrong = schemaViolation(this.#dialect, frame);
    if (wrong) return wrong;
    const { type, request_id, seq, code } = frame as {
      readonly type: string;
      readonly code?: string;
      readonly request_id?: string | null;
      readonly seq?: number;
    };
    // The answer to a cancel that came too late ends nothing.
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
