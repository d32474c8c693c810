/** A user's message, independent of the dialect in which it arrived. */

/** The two wire formats (docs/protocol.md). */
export const dialects = ["clara-1", "clara-py"] as const;
export type Dialect = typeof dialects[number];

/** The order in a channel's queue. */
export const priorities = ["high", "normal", "low"] as const;
export type Priority = typeof priorities[number];

/** What to do with a message that arrives during a turn in its channel. */
export const overlaps = ["queue", "collect", "interrupt", "steer", "reject"] as const;
export type Overlap = typeof overlaps[number];

/** Classes of models, from the most to the least capable. */
export const tiers = ["high", "mid", "low"] as const;
export type Tier = typeof tiers[number];

/** The kinds of channel. */
export const channelTypes = ["dm", "server", "group"] as const;
export type ChannelType = typeof channelTypes[number];

/** A user, by the adapter's id, which is unique within a platform. */
export interface User {
  readonly id: string;
  /** The platform's own id, if it differs from the adapter's. */
  readonly platformId?: string;
  /** The display name. */
  readonly name?: string;
}

/** A channel and its place on the platform. */
export interface Channel {
  readonly id: string;
  /** Undefined if the adapter does not say. */
  readonly type?: ChannelType;
  readonly name?: string;
  readonly threadId?: string;
  readonly serverId?: string;
  readonly serverName?: string;
}

/** A file attached to a message. */
export interface Attachment {
  readonly type: "image" | "file" | "text";
  readonly filename: string;
  /** MIME type. */
  readonly mediaType?: string;
  /** The content in base64. */
  readonly base64?: string;
  /** The content of a text file. */
  readonly text?: string;
  /** Size in bytes. */
  readonly size?: number;
}

/** An earlier message in the chain that this one replies to; the oldest comes first. */
export interface ReplyChainEntry {
  readonly role: "user" | "assistant" | "system";
  readonly content: string;
  readonly userId?: string;
  readonly userName?: string;
}

/** The origin of a message that was created by a task. */
export interface TaskOrigin {
  /** The name of the task. */
  readonly name: string;
  /** Text to send if the model fails; without it nothing is sent. */
  readonly fallback?: string;
}

/** A message from a user to the assistant. */
export interface UserMessage {
  readonly dialect: Dialect;
  /** The adapter's id for the message. Together with the node id it is the idempotency key. */
  readonly requestId: string;
  readonly user: User;
  readonly channel: Channel;
  readonly content: string;
  readonly attachments: readonly Attachment[];
  readonly replyChain: readonly ReplyChainEntry[];
  readonly priority: Priority;
  /** Undefined until the adapter or the configuration decides. */
  readonly overlap?: Overlap;
  readonly tier?: Tier;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Whether the user's session in the channel ends first, so that this message starts a new one. */
  readonly reset?: boolean;
  /** Set if a task created the message: its reply is a proactive message. Adapters cannot set it. */
  readonly task?: TaskOrigin;
}
