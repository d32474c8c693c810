/**
 * Zod schemas of the dialect `clara-py`, spoken by the adapters of the Python system. They send `null`
 * for absent fields, reject unknown frame types, and require every field below.
 */

import * as z from "zod";
import { attachment, id, metadata, replyChainEntry } from "./clara1.ts";
import { channelTypes, priorities, tiers } from "../domain/message.ts";

export const message = z.object({
  type: z.literal("message"),
  id,
  user: z.object({
    id,
    platform_id: z.string(),
    name: z.string().nullish(),
    display_name: z.string().nullish(),
  }),
  channel: z.object({
    id,
    // As in the Python system.
    type: z.enum(channelTypes).default("server"),
    name: z.string().nullish(),
    guild_id: z.string().nullish(),
    guild_name: z.string().nullish(),
  }),
  content: z.string(),
  attachments: z.array(attachment).nullish(),
  reply_chain: z.array(replyChainEntry).nullish(),
  // An unknown tier means the default one.
  tier_override: z.enum(tiers).nullish().catch(undefined),
  metadata: metadata.nullish(),
});

const responseId = z.string().startsWith("resp-");

/** Frames to a Python adapter, by `type`. It must not be sent any others. */
export const gatewayFrames = {
  response_start: z.object({
    type: z.literal("response_start"),
    id: responseId,
    request_id: id,
    model_tier: z.enum(tiers),
  }),
  response_chunk: z.object({
    type: z.literal("response_chunk"),
    id: responseId,
    request_id: id,
    chunk: z.string(),
    accumulated: z.string().nullable(),
  }),
  response_end: z.object({
    type: z.literal("response_end"),
    id: responseId,
    request_id: id,
    full_text: z.string(),
    files: z.array(z.string()),
    file_data: z.array(
      z.object({ filename: z.string(), content_base64: z.string(), media_type: z.string() }),
    ),
    tool_count: z.number().int(),
    tokens_used: z.number().int(),
  }),
  tool_start: z.object({
    type: z.literal("tool_start"),
    id: responseId,
    request_id: id,
    tool_name: z.string(),
    step: z.number().int().positive(),
    description: z.string(),
    emoji: z.string(),
  }),
  tool_result: z.object({
    type: z.literal("tool_result"),
    id: responseId,
    request_id: id,
    tool_name: z.string(),
    success: z.boolean(),
    output_preview: z.string(),
    duration_ms: z.number().int(),
  }),
  cancelled: z.object({ type: z.literal("cancelled"), request_id: id }),
  error: z.object({
    type: z.literal("error"),
    request_id: z.string().nullable(),
    code: z.string(),
    message: z.string(),
    recoverable: z.boolean(),
  }),
  proactive_message: z.object({
    type: z.literal("proactive_message"),
    user: z.object({
      id,
      platform_id: z.string(),
      name: z.string().nullable(),
      display_name: z.string().nullable(),
    }),
    channel: z.object({
      id,
      type: z.enum(channelTypes),
      name: z.string().nullable(),
      guild_id: z.string().nullable(),
      guild_name: z.string().nullable(),
    }),
    content: z.string(),
    priority: z.enum(priorities),
  }),
  status: z.object({
    type: z.literal("status"),
    active_requests: z.number().int(),
    queue_length: z.number().int(),
    uptime_seconds: z.number().int(),
  }),
} as const;

/** Any frame to an adapter in `clara-py`. */
export type ClaraPyGatewayFrame = {
  [Type in keyof typeof gatewayFrames]: z.output<typeof gatewayFrames[Type]>;
}[keyof typeof gatewayFrames];
