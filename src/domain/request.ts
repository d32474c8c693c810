/** A request: one accepted message on its way to exactly one outcome. */

import type { Overlap, Priority, Tier, UserMessage } from "./message.ts";
import type { ProactiveMessage, ReplyEnd, ReplyError } from "./reply.ts";
import type { ToolRound } from "./tool_call.ts";

/** The number of a request, in order of acceptance. */
export type RequestSeq = number;

/** Where a request stands. */
export type RequestState = "queued" | "running" | "done";

/** What tells requests apart, as adapters know them. */
export interface RequestKey {
  readonly nodeId: string;
  readonly requestId: string;
}

/** How a request ended. */
export type Outcome =
  | ({ readonly type: "reply"; readonly tier: Tier } & ReplyEnd)
  | ({ readonly type: "error"; readonly partialText?: string } & ReplyError)
  /** Of a message that nobody sent; with an error, and without text, nothing goes out. */
  | ({ readonly type: "proactive"; readonly error?: ReplyError } & ProactiveMessage)
  | { readonly type: "cancelled"; readonly mergedInto?: string };

/** What the router needs to know of a request. */
export interface QueuedRequest extends RequestKey {
  readonly seq: RequestSeq;
  readonly channelKey: string;
  readonly priority: Priority;
  readonly overlap: Overlap;
  readonly userId: string;
  /** Empty outside of threads. */
  readonly threadId: string;
  /** Whether its turn has begun before: what was done in it must not be lost. */
  readonly claimed: boolean;
  /** Its claim, where it came with the acceptance: the turn begins at once. */
  readonly begun?: ClaimedRequest;
  /** Of the message as it is kept, and of those that have become a part of it. */
  readonly bytes: number;
}

/** The right to work on a request. Writes under a fence that another claim has passed are refused. */
export interface Claim {
  readonly seq: RequestSeq;
  readonly channelKey: string;
  readonly fence: number;
}

/** A request that was claimed, with all that a turn needs. */
export interface ClaimedRequest {
  readonly claim: Claim;
  readonly nodeId: string;
  readonly platform: string;
  readonly message: UserMessage;
  /** Counts the claims that were not released, from 1. */
  readonly attempt: number;
  /** When it was accepted and when it was claimed, milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly claimedAt: number;
  /** The rounds that an earlier attempt recorded. */
  readonly rounds: readonly ToolRound[];
  /** The requests that an earlier attempt has made a part of this one. */
  readonly absorbed: readonly AbsorbedRequest[];
}

/** A request that has become a part of another one. */
export interface AbsorbedRequest {
  readonly seq: RequestSeq;
  readonly nodeId: string;
  readonly platform: string;
  readonly message: UserMessage;
  readonly acceptedAt: number;
  /** The round of tool calls after which it came in; -1 before the first. */
  readonly round: number;
}
