/**
 * The part of the store that keeps requests: from the acceptance of a message to the delivery of its
 * reply. Used by the intake, the processor and the delivery of replies.
 */

import type { Dialect, UserMessage } from "../domain/message.ts";
import type {
  AbsorbedRequest,
  Claim,
  ClaimedRequest,
  Outcome,
  QueuedRequest,
  RequestSeq,
  RequestState,
} from "../domain/request.ts";
import type { MessageOrigin, ToolCall, ToolResult } from "../domain/tool_call.ts";
import type { Exchange } from "./exchange_store.ts";
import type { Conversation } from "../domain/keys.ts";
import type { NewHistoryEntry } from "./history_store.ts";
import type { UsageEntry } from "./usage_store.ts";

/** A text of JSON and its length in UTF-8. */
export interface SerializedJson {
  readonly text: string;
  readonly bytes: number;
}

/** A message to be accepted. */
export interface NewRequest {
  readonly nodeId: string;
  readonly platform: string;
  readonly channelKey: string;
  /** Tells two messages with one request id apart: a digest of what counts as content. */
  readonly digest: string;
  readonly message: UserMessage;
  /** The same as it is kept, and its bytes: made once, since both the limits and the store want it. */
  readonly serialized: SerializedJson;
  /** Whether there is room for another one; a known message is answered either way. */
  readonly hasCapacity: boolean;
  /** Claims it with the same commit, where its turn is to begin at once. */
  readonly claim?: NewClaim;
  readonly now: number;
}

/** Who claims a request, and when. */
export interface NewClaim {
  readonly owner: string;
  readonly now: number;
  /** The user's session in the conversation counts as used, unless it was idle since before. */
  readonly idleBefore: number;
}

/** What became of a message that was to be accepted. */
export type Acceptance =
  | { readonly type: "accepted"; readonly request: QueuedRequest }
  | { readonly type: "duplicate"; readonly seq: RequestSeq; readonly state: RequestState }
  | { readonly type: "conflict" }
  | { readonly type: "full" };

/** A request that was cancelled while it waited. */
export interface CancelledRequest {
  readonly platform: string;
  readonly message: UserMessage;
}

/** A finished request whose adapter has not got all of its reply. */
export interface UndeliveredReply {
  readonly seq: RequestSeq;
  readonly nodeId: string;
  readonly requestId: string;
  readonly dialect: Dialect;
  readonly outcome: Outcome;
}

/** Requests. Every method is one transaction, durable when its promise resolves. */
export interface RequestStore {
  /**
   * Keeps a message, or says that it is known, that its id is taken by another content, or that
   * there is no room for it.
   */
  accept(request: NewRequest): Promise<Acceptance>;

  /** All requests without an outcome, the running ones first, then in order of acceptance. */
  unfinished(): Promise<readonly QueuedRequest[]>;

  /**
   * Takes a request to work on it; undefined when it has an outcome. Raises the channel's fence, so
   * that whoever held the channel before can no longer write.
   */
  claim(
    seq: RequestSeq,
    claim: NewClaim,
  ): Promise<ClaimedRequest | undefined>;

  /** Puts a claimed request back at its place, as if it had not been tried. */
  release(claim: Claim): Promise<void>;

  /**
   * Makes waiting requests a part of a claimed one: each ends as merged into it, and its message is
   * kept with the claim. Gives those that still waited and were never claimed (what was done for one
   * that was is its own); undefined when the claim is no longer held.
   */
  absorb(
    claim: Claim,
    others: { readonly seqs: readonly RequestSeq[]; readonly round: number; readonly now: number },
  ): Promise<readonly AbsorbedRequest[] | undefined>;

  /**
   * Journals a round before its tools run, and keeps what was used up to it, in one transaction. False
   * when the claim is no longer held: nothing was written then.
   */
  recordRound(
    claim: Claim,
    round: {
      readonly index: number;
      readonly text: string;
      readonly calls: readonly ToolCall[];
      readonly origin?: MessageOrigin;
      readonly usage?: readonly UsageEntry[];
    },
  ): Promise<boolean>;

  /** Journals the result of one call. False when the claim is no longer held. */
  recordResult(
    claim: Claim,
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<boolean>;

  /**
   * Gives a claimed request its outcome, its history to the session, keeps what it took, and puts what
   * was said into the memory's outbox, in one transaction. False when it has one already or the claim
   * is no longer held: nothing was written then.
   */
  finish(
    claim: Claim,
    end: {
      readonly outcome: Outcome;
      readonly now: number;
      readonly sessionId?: string;
      readonly conversation: Conversation;
      readonly history: readonly NewHistoryEntry[];
      readonly usage?: readonly UsageEntry[];
      /** What the memory is to learn from. */
      readonly exchange?: Exchange;
    },
  ): Promise<boolean>;

  /**
   * Ends a request that waits, and gives it back; undefined when it is running or done. One whose
   * claim has passed, or is held by another than `owner`, waits: only one gateway runs, and whoever
   * claimed it is dead.
   */
  cancelQueued(
    options: { readonly seq: RequestSeq; readonly owner: string; readonly now: number },
  ): Promise<CancelledRequest | undefined>;

  /**
   * Finished requests of an adapter that it has not been sent whole, the oldest first: at most
   * `limit` (default 100) of those after number `after` (default 0).
   */
  undelivered(
    nodeId: string,
    page?: { readonly after?: RequestSeq; readonly limit?: number },
  ): Promise<readonly UndeliveredReply[]>;

  /** The reply to a finished request, whether delivered or not. */
  reply(seq: RequestSeq): Promise<UndeliveredReply | undefined>;

  /** Notes that the adapter was sent the whole reply. */
  markDelivered(options: { readonly seq: RequestSeq; readonly now: number }): Promise<void>;

  /** Drops up to `limit` finished requests from before `before`; gives their count. */
  purge(options: { readonly before: number; readonly limit: number }): Promise<number>;
}
