/** What the gateway sends to an adapter about a request, before it is encoded in a dialect. */

import type { ErrorCode } from "./errors.ts";
import type { Channel, Priority, Tier, User } from "./message.ts";

/** A file that is sent with a reply. */
export interface ReplyFile {
  readonly filename: string;
  /** The content in base64. */
  readonly base64: string;
  /** MIME type. */
  readonly mediaType: string;
}

/** Tokens as counted by the provider; 0 if it did not say. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Why a model stopped. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "other";

/** The fields of a finished reply. */
export interface ReplyEnd {
  readonly text: string;
  readonly files: readonly ReplyFile[];
  readonly toolCount: number;
  readonly usage: Usage;
  readonly model: string;
  readonly finishReason: FinishReason;
}

/** The fields of a failed request. */
export interface ReplyError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly recoverable: boolean;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The fields of a message that the gateway sends proactively. */
export interface ProactiveMessage {
  readonly user: User;
  readonly channel: Channel;
  readonly text: string;
  readonly files: readonly ReplyFile[];
  readonly priority: Priority;
}

/** A step of a reply. After `end`, `cancelled`, `error` and `proactive` nothing follows. */
export type ReplyFrame =
  & { readonly requestId: string; readonly responseId: string }
  & (
    | { readonly type: "start"; readonly model: string; readonly tier: Tier }
    | {
      readonly type: "chunk";
      readonly text: string;
      readonly done: boolean;
      /** Whether it is the first one after a `start`. */
      readonly first?: boolean;
    }
    | {
      readonly type: "tool_started";
      readonly toolName: string;
      readonly callId: string;
      /** Counts the tool calls of the request, from 1. */
      readonly step: number;
      readonly description: string;
      readonly emoji: string;
    }
    | {
      readonly type: "tool_finished";
      readonly toolName: string;
      readonly callId: string;
      readonly step: number;
      readonly description: string;
      readonly success: boolean;
      readonly outputPreview: string;
      readonly durationMs: number;
    }
    | {
      readonly type: "approval_asked";
      readonly approvalId: string;
      readonly toolName: string;
      readonly description: string;
      /** JSON, as the model wrote it. */
      readonly arguments: string;
      /** Milliseconds since the epoch. */
      readonly expiresAt: number;
    }
    | ({ readonly type: "end" } & ReplyEnd)
    /** `mergedInto` is the request that it was merged into, if it was. */
    | { readonly type: "cancelled"; readonly mergedInto?: string }
    | ({ readonly type: "error" } & ReplyError)
    | ({ readonly type: "proactive" } & ProactiveMessage)
  );
