/** Builds `message` frames of either dialect. */

import type { Dialect } from "../../../src/domain/message.ts";

/** Options of a message; other fields are copied into the frame. */
export interface MessageOptions {
  /** Default: a random UUID. */
  readonly requestId?: string;
  /** Default: `channel-1`. */
  readonly channelId?: string;
  /** Default: `user-1`. */
  readonly userId?: string;
  /** Only in clara-1. */
  readonly priority?: "high" | "normal" | "low";
  readonly [field: string]: unknown;
}

/** Builds the frame of a message. */
export function messageFrame(
  content: string,
  options: MessageOptions & { readonly dialect: Dialect; readonly requestId: string },
): Readonly<Record<string, unknown>> {
  const {
    dialect,
    requestId,
    channelId = "channel-1",
    userId = "user-1",
    priority,
    ...extra
  } = options;
  if (dialect === "clara-1") {
    return {
      type: "message",
      request_id: requestId,
      user_id: userId,
      channel_id: channelId,
      content,
      attachments: [],
      ...(priority && { priority }),
      ...extra,
    };
  }
  // As pydantic writes it: every optional field present, as null.
  return {
    type: "message",
    id: requestId,
    user: { id: userId, platform_id: userId, name: null, display_name: null },
    channel: { id: channelId, type: "server", name: null, guild_id: null, guild_name: null },
    content,
    attachments: [],
    reply_chain: [],
    tier_override: null,
    metadata: {},
    ...extra,
  };
}
