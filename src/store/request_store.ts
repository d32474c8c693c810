/** Stores requests, from the acceptance of a message to the delivery of its reply. */

import type { Conversation } from "../domain/keys.ts";
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
import type { NewHistoryEntry } from "./history_store.ts";
import type { UsageEntry } from "./usage_store.ts";

/** JSON text and its length in UTF-8. */
export interface SerializedJson {
  readonly text: string;
  readonly bytes: number;
}

/** A message to accept. */
export interface NewRequest {
  readonly nodeId: string;
  readonly platform: string;
  readonly channelKey: string;
  /** Hash of the content. Tells a resent message from another one with the same request id. */
  readonly digest: string;
  readonly message: UserMessage;
  /** `message` as JSON. Serialized once, by the caller, who needs its size for the limits. */
  readonly serialized: SerializedJson;
  /** Whether a new message may be accepted. A known message gets its answer either way. */
  readonly hasCapacity: boolean;
  /** If set, the request is claimed in the same transaction. */
  readonly claim?: NewClaim;
  readonly now: number;
}

/** Who claims a request, and when. */
export interface NewClaim {
  /** Identifies the claiming process. */
  readonly owner: string;
  readonly now: number;
  /** The claim touches the user's session, unless that has been idle since before this time. */
  readonly idleBefore: number;
}

/** Result of {@linkcode RequestStore.accept}. */
export type Acceptance =
  | { readonly type: "accepted"; readonly request: QueuedRequest }
  | { readonly type: "duplicate"; readonly seq: RequestSeq; readonly state: RequestState }
  | { readonly type: "conflict" }
  | { readonly type: "full" };

/** A request that was cancelled while queued. */
export interface CancelledRequest {
  readonly platform: string;
  readonly message: UserMessage;
}

/** A finished request whose reply its adapter may not have received completely. */
export interface UndeliveredReply {
  readonly seq: RequestSeq;
  readonly nodeId: string;
  readonly requestId: string;
  readonly dialect: Dialect;
  readonly outcome: Outcome;
}

/**
 * Stores requests. A request is `queued`, `running` or `done`; `done` is final.
 *
 * A claim is valid while its request is running under the claim's fence and no later claim was made in the
 * same channel. Fences rise with every claim in a channel, over restarts too; they may restart after
 * `ForgetStore.forget`. Methods that take a claim check it in the transaction that writes; if it is not
 * valid, they write nothing.
 */
export interface RequestStore {
  /**
   * Accepts a message as a queued request. Its sequence number is higher than any before it, including
   * those of purged requests. If (`nodeId`, `requestId`) is known, returns `duplicate` for the same digest
   * and `conflict` for another one; otherwise returns `full` if `hasCapacity` is false.
   */
  accept(request: NewRequest): Promise<Acceptance>;

  /** Lists requests without an outcome: running ones first, then by sequence number. */
  unfinished(): Promise<readonly QueuedRequest[]>;

  /**
   * Claims a request, even if it is running under another claim: it becomes running, `attempt` rises by
   * one, and the channel gets a new fence. Returns `undefined` if the request is done or unknown.
   */
  claim(seq: RequestSeq, claim: NewClaim): Promise<ClaimedRequest | undefined>;

  /**
   * Returns a claimed request to the queue, in its old position. The attempt does not count, but the
   * journal is kept. Does nothing if the claim is not valid.
   */
  release(claim: Claim): Promise<void>;

  /**
   * Merges queued requests into a claimed one. Each ends as cancelled with `mergedInto`, and its message is
   * kept with the claimed request until that is done. Requests that are not queued or were ever claimed are
   * skipped: their tools may have run. Returns the merged ones by sequence number, or `undefined` if the
   * claim is not valid.
   */
  absorb(
    claim: Claim,
    others: { readonly seqs: readonly RequestSeq[]; readonly round: number; readonly now: number },
  ): Promise<readonly AbsorbedRequest[] | undefined>;

  /**
   * Records a round in the journal before its tools run, and the usage so far. Returns false if the claim
   * is not valid. Rejects if the round `index` is already recorded.
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

  /**
   * Records the result of one call in the journal. If it has a result, that is kept. Returns false if the
   * claim is not valid.
   */
  recordResult(
    claim: Claim,
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<boolean>;

  /**
   * Finishes a request. One transaction stores the outcome, the usage, the exchange and, if `sessionId` is
   * set, the history lines in their order; it touches the session and deletes the message, the journal and
   * absorbed messages. Returns false if the claim is not valid.
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
      /** For the memory to learn from. */
      readonly exchange?: Exchange;
    },
  ): Promise<boolean>;

  /**
   * Cancels a queued request. A running one counts as queued if its claim is not valid or belongs to an
   * owner other than `owner`: only one gateway runs, so that owner is dead. Returns `undefined` if the
   * request is running, done or unknown.
   */
  cancelQueued(
    options: { readonly seq: RequestSeq; readonly owner: string; readonly now: number },
  ): Promise<CancelledRequest | undefined>;

  /**
   * Lists a node's finished requests that are not marked as delivered, by sequence number: at most `limit`
   * (default 100) after `after` (default 0).
   */
  undelivered(
    nodeId: string,
    page?: { readonly after?: RequestSeq; readonly limit?: number },
  ): Promise<readonly UndeliveredReply[]>;

  /** Returns a finished request, delivered or not; `undefined` if it is unfinished or unknown. */
  reply(seq: RequestSeq): Promise<UndeliveredReply | undefined>;

  /** Marks a reply as delivered. Idempotent. */
  markDelivered(options: { readonly seq: RequestSeq; readonly now: number }): Promise<void>;

  /**
   * Deletes up to `limit` requests that finished before `before`, delivered or not, and returns how many.
   * Their history stays.
   */
  purge(options: { readonly before: number; readonly limit: number }): Promise<number>;
}
