/**
 * A user's message as the gateway knows it, whatever dialect it came in. The dialects produce it,
 * the store keeps it, the router orders it, the processor answers it.
 */

/** The two ways to say the same over the wire (docs/protocol.md). */
export const dialects = ["clara-1", "clara-py"] as const;
export type Dialect = typeof dialects[number];

/** Who goes first in a channel's queue. */
export const priorities = ["high", "normal", "low"] as const;
export type Priority = typeof priorities[number];

/** What a message does that meets a running turn in its channel. */
export const overlaps = ["queue", "collect", "interrupt", "steer", "reject"] as const;
export type Overlap = typeof overlaps[number];

/** How much model a reply is worth. */
export const tiers = ["high", "mid", "low"] as const;
export type Tier = typeof tiers[number];

/** The kinds of channel. */
export const channelTypes = ["dm", "server", "group"] as const;
export type ChannelType = typeof channelTypes[number];

/** A user, by the id that the adapter gives (unique within a platform). */
export interface User {
  readonly id: string;
  /** The platform's own id, where the adapter tells it apart. */
  readonly platformId?: string;
  /** What other people call the user. */
  readonly name?: string;
}

/** A channel, and where it is. */
export interface Channel {
  readonly id: string;
  /** Unknown when the adapter did not say. */
  readonly type?: ChannelType;
  readonly name?: string;
  readonly threadId?: string;
  readonly serverId?: string;
  readonly serverName?: string;
}

/** A file that came with a message. */
export interface Attachment {
  readonly type: "image" | "file" | "text";
  readonly filename: string;
  /** MIME type. */
  readonly mediaType?: string;
  /** The bytes, in base64. */
  readonly base64?: string;
  /** The text of a text file. */
  readonly text?: string;
  /** Size in bytes. */
  readonly size?: number;
}

/** An earlier message that this one replies to, the oldest first. */
export interface ReplyChainEntry {
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
  readonly userId?: string;
  readonly userName?: string;
}

/** Why there is a message that nobody sent. */
export interface TaskOrigin {
  /** The task that put it into the channel. */
  readonly name: string;
  /** What goes out where the model fails; without it nothing does. */
  readonly fallback?: string;
}

/** One message of a user to the assistant. */
export interface UserMessage {
  readonly dialect: Dialect;
  /** The adapter's id for it; with the node id it is the idempotency key. */
  readonly requestId: string;
  readonly user: User;
  readonly channel: Channel;
  readonly content: string;
  readonly attachments: readonly Attachment[];
  readonly replyChain: readonly ReplyChainEntry[];
  readonly priority: Priority;
  /** Missing where neither the adapter nor, so far, the configuration has said. */
  readonly overlap?: Overlap;
  readonly tier?: Tier;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Whether the user's session here ends before it, so that it begins a new conversation. */
  readonly reset?: boolean;
  /** Set where nobody sent it: its reply goes out unasked, as one frame. No adapter can set it. */
  readonly task?: TaskOrigin;
}
