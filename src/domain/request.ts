/** A request: an accepted message on its way to exactly one outcome. */

import type { Overlap, Priority, Tier, UserMessage } from "./message.ts";
import type { ProactiveMessage, ReplyEnd, ReplyError } from "./reply.ts";
import type { ToolRound } from "./tool_call.ts";

/** The number of a request, in the order of acceptance. */
export type RequestSeq = number;

/** The state of a request. */
export type RequestState = "queued" | "running" | "done";

/** The identity of a request for adapters. */
export interface RequestKey {
  readonly nodeId: string;
  readonly requestId: string;
}

/** How a request ended. */
export type Outcome =
  | ({ readonly type: "reply"; readonly tier: Tier } & ReplyEnd)
  | ({ readonly type: "error"; readonly partialText?: string } & ReplyError)
  /** The outcome of a task's message. With an error and without text, nothing is sent. */
  | ({ readonly type: "proactive"; readonly error?: ReplyError } & ProactiveMessage)
  | { readonly type: "cancelled"; readonly mergedInto?: string };

/** What the router needs to know about a request. */
export interface QueuedRequest extends RequestKey {
  readonly seq: RequestSeq;
  readonly channelKey: string;
  readonly priority: Priority;
  readonly overlap: Overlap;
  readonly userId: string;
  /** Empty outside threads. */
  readonly threadId: string;
  /** Whether its turn has started before: recorded work must not be lost. */
  readonly claimed: boolean;
  /** Set if it was claimed when it was accepted: its turn starts at once. */
  readonly begun?: ClaimedRequest;
  /** Size of the stored message, and of the messages that were merged into it. */
  readonly bytes: number;
}

/** The right to work on a request. Writes with a fence older than the latest claim's are rejected. */
export interface Claim {
  readonly seq: RequestSeq;
  readonly channelKey: string;
  readonly fence: number;
}

/** A claimed request, with everything that a turn needs. */
export interface ClaimedRequest {
  readonly claim: Claim;
  readonly nodeId: string;
  readonly platform: string;
  readonly message: UserMessage;
  /** Number of claims that were not released, from 1. */
  readonly attempt: number;
  /** When it was accepted and when it was claimed, milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly claimedAt: number;
  /** Rounds that an earlier attempt recorded. */
  readonly rounds: readonly ToolRound[];
  /** Requests that an earlier attempt merged into this one. */
  readonly absorbed: readonly AbsorbedRequest[];
}

/** A request that was merged into another one. */
export interface AbsorbedRequest {
  readonly seq: RequestSeq;
  readonly nodeId: string;
  readonly platform: string;
  readonly message: UserMessage;
  readonly acceptedAt: number;
  /** The round of tool calls after which it was merged; -1 before the first. */
  readonly round: number;
}
