/**
 * Zod schemas of the dialect `clara-1`, the documented one: frames from and to an adapter, with the
 * field names of the wire. Unknown fields are ignored; `null` means absent.
 */

import * as z from "zod";
import { errorCodes } from "../domain/errors.ts";
import { channelTypes, overlaps, priorities, tiers } from "../domain/message.ts";

/** An identifier: 1 to 256 characters of well-formed Unicode without control characters. */
export const id = z.string().min(1).max(256).refine(
  (text) => text.isWellFormed() && !/\p{Cc}/u.test(text),
  "expected well-formed Unicode without control characters",
);
/** Maximum nesting of metadata. */
const maxDepth = 32;

/** Free-form data of the adapter, stored as it is. */
export const metadata = z.record(z.string(), z.unknown()).refine(
  isShallow,
  `expected at most ${maxDepth} levels of nesting`,
);

export const attachment = z.object({
  type: z.enum(["image", "file", "text"]),
  filename: z.string().min(1).max(1024),
  media_type: z.string().nullish(),
  base64_data: z.string().nullish(),
  content: z.string().nullish(),
  size: z.number().int().nonnegative().nullish(),
});

export const replyChainEntry = z.object({
  role: z.enum(["user", "assistant", "system"]),
  content: z.string(),
  user_id: z.string().nullish(),
  user_name: z.string().nullish(),
});

/** The first frame of a connection, the same in both dialects. */
export const register = z.object({
  type: z.literal("register"),
  platform: id.max(64),
  node_id: id,
  capabilities: z.array(z.string()).nullish().transform((value) => value ?? []),
  metadata: metadata.nullish(),
  secret: z.string().nullish(),
  protocol: z.literal(1).nullish(),
  session_id: id.nullish(),
  last_seq: z.number().int().nonnegative().nullish(),
});

export const message = z.object({
  type: z.literal("message"),
  request_id: id,
  user_id: id,
  channel_id: id,
  content: z.string(),
  attachments: z.array(attachment).nullish(),
  user_name: z.string().nullish(),
  channel_type: z.enum(channelTypes).nullish(),
  channel_name: z.string().nullish(),
  thread_id: id.nullish(),
  priority: z.enum(priorities).nullish(),
  overlap: z.enum(overlaps).nullish(),
  reply_chain: z.array(replyChainEntry).nullish(),
  tier_override: z.enum(tiers).nullish(),
  reset: z.boolean().nullish(),
  metadata: metadata.nullish(),
});

/** Cancels a request, or all of the adapter's requests in a channel. The same in both dialects. */
export const cancel = z.object({
  type: z.literal("cancel"),
  request_id: id.nullish(),
  channel_id: id.nullish(),
  reason: z.string().nullish(),
}).refine((frame) => frame.request_id || frame.channel_id, {
  path: ["request_id"],
  message: "expected a request_id or a channel_id",
});

export const ack = z.object({ type: z.literal("ack"), seq: z.number().int().nonnegative() });
export const ping = z.object({ type: z.literal("ping"), timestamp: z.unknown().optional() });
export const status = z.object({ type: z.literal("status") });

/** A person's answer to an `approval_request` (capability `approvals`). */
export const approvalResponse = z.object({
  type: z.literal("approval_response"),
  approval_id: id,
  approved: z.boolean(),
});

/** Frames from an adapter, by `type`. */
export const adapterFrames = {
  register,
  message,
  cancel,
  ack,
  ping,
  status,
  approval_response: approvalResponse,
} as const;

const seq = z.number().int().positive();
const timestamp = z.iso.datetime();
const file = z.object({
  filename: z.string(),
  content_base64: z.string(),
  media_type: z.string(),
});

/** Frames to an adapter, by `type`. */
export const gatewayFrames = {
  registered: z.object({
    type: z.literal("registered"),
    node_id: id,
    session_id: id,
    resumed: z.boolean(),
    protocol: z.literal(1),
    server_time: timestamp,
    heartbeat_seconds: z.number(),
    max_frame_bytes: z.number().int(),
  }),
  status: z.object({
    type: z.literal("status"),
    request_id: id.optional(),
    state: z.enum(["queued", "running", "duplicate"]).optional(),
    position: z.number().int().positive().optional(),
    active_requests: z.number().int(),
    queue_length: z.number().int(),
    uptime_seconds: z.number().int(),
  }),
  response_start: z.object({
    type: z.literal("response_start"),
    seq,
    request_id: id,
    response_id: id,
    model: z.string(),
    tier: z.enum(tiers),
  }),
  response_chunk: z.object({
    type: z.literal("response_chunk"),
    seq,
    request_id: id,
    content: z.string(),
    done: z.boolean(),
  }),
  tool_status: z.object({
    type: z.literal("tool_status"),
    seq,
    request_id: id,
    tool_name: z.string(),
    call_id: z.string(),
    step: z.number().int().positive(),
    status: z.enum(["running", "completed", "failed"]),
    description: z.string(),
    duration_ms: z.number().int().optional(),
    output_preview: z.string().optional(),
  }),
  approval_request: z.object({
    type: z.literal("approval_request"),
    seq,
    request_id: id,
    approval_id: id,
    tool_name: z.string(),
    description: z.string(),
    /** JSON text as written by the model. */
    arguments: z.string(),
    expires_at: timestamp,
  }),
  response_end: z.object({
    type: z.literal("response_end"),
    seq,
    request_id: id,
    content: z.string(),
    files: z.array(file),
    tool_count: z.number().int(),
    usage: z.object({ input_tokens: z.number().int(), output_tokens: z.number().int() }),
    model: z.string(),
    finish_reason: z.string(),
  }),
  cancelled: z.object({
    type: z.literal("cancelled"),
    seq,
    request_id: id,
    /** The request whose reply also answers this one. */
    merged_into: id.optional(),
  }),
  error: z.object({
    type: z.literal("error"),
    seq: seq.optional(),
    request_id: z.string().nullable(),
    code: z.enum(errorCodes),
    message: z.string(),
    recoverable: z.boolean(),
    details: metadata.optional(),
  }),
  proactive_message: z.object({
    type: z.literal("proactive_message"),
    seq,
    /** A repeated id means a repeated message. */
    request_id: id,
    user_id: id,
    channel_id: id,
    thread_id: id.optional(),
    content: z.string(),
    files: z.array(file).optional(),
    priority: z.enum(priorities),
  }),
  pong: z.object({ type: z.literal("pong"), timestamp }),
  going_away: z.object({
    type: z.literal("going_away"),
    reason: z.string(),
    reconnect_after_ms: z.number().int(),
  }),
} as const;

/** Any frame to an adapter in `clara-1`. */
export type Clara1GatewayFrame = {
  [Type in keyof typeof gatewayFrames]: z.output<typeof gatewayFrames[Type]>;
}[keyof typeof gatewayFrames];

/** Checks level by level, because recursion could overflow the stack. */
function isShallow(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= maxDepth; depth++) {
    level = level.flatMap((item) =>
      typeof item === "object" && item !== null ? Object.values(item) : []
    );
    if (level.length === 0) return true;
  }
  return false;
}
