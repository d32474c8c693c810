/** A `message` as adapters send it, in either dialect. The adapter client sends them. */

import type { Dialect } from "../../../src/domain/message.ts";

/** What a test says about a message; further fields go into the frame as they are. */
export interface MessageOptions {
  /** Default: a new UUID. */
  readonly requestId?: string;
  /** Default: `channel-1`. */
  readonly channelId?: string;
  /** Default: `user-1`. */
  readonly userId?: string;
  /** Only clara-1 has one. */
  readonly priority?: "high" | "normal" | "low";
  readonly [field: string]: unknown;
}

/** The frame of a message with this content. */
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
  // As pydantic writes it: every optional field is there, as null.
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
