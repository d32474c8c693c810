/**
 * The part of the store that keeps summaries: one that goes along with a conversation, and one of each
 * session that ended. Written by the summaries, read by the context builder.
 */

import type { Conversation } from "../domain/keys.ts";
import type { Session } from "./session_store.ts";

/** What was said in a conversation up to a line of history. */
export interface RollingSummary {
  readonly text: string;
  /** The newest line that it covers. */
  readonly coversTo: number;
  readonly updatedAt: number;
}

/** What was said in a session that is over. */
export interface SessionSummary {
  readonly text: string;
  readonly endedAt: number;
}

/** Summaries. Every method is one transaction, durable when its promise resolves. */
export interface SummaryStore {
  /**
   * The summary of what the running sessions of a conversation have said; undefined where there is
   * none, or none of the sessions that it is about runs any more.
   */
  rolling(conversation: Conversation): Promise<RollingSummary | undefined>;

  /** The summary of a user's newest ended session in a conversation. */
  lastSession(
    options: { readonly conversation: Conversation; readonly userId: string },
  ): Promise<SessionSummary | undefined>;

  /**
   * Puts a summary in the place of the one that covers up to `from` (0 where there is none). False,
   * and nothing is written, where that one is not there any more, or not all `lines` that the new one
   * covers (they were deleted), or the one of ended sessions in its place is still to be summed up.
   */
  saveRolling(options: {
    readonly conversation: Conversation;
    readonly text: string;
    readonly from: number;
    readonly lines: readonly number[];
    readonly now: number;
  }): Promise<boolean>;

  /** Ended sessions that have no summary yet, the oldest first. */
  unsummed(options: { readonly limit: number }): Promise<readonly Session[]>;

  /** Whether a session has ended and has no summary yet. */
  isUnsummed(sessionId: string): Promise<boolean>;

  /** The rolling summary in which an ended session had a part. */
  rollingOf(sessionId: string): Promise<RollingSummary | undefined>;

  /** Gives an empty summary to sessions that ended before `endedBefore` and have none. */
  giveUp(options: { readonly endedBefore: number }): Promise<void>;

  /**
   * Gives an ended session its summary; an empty one where there is nothing to sum up. False where it
   * has one, or it or any of the `lines` that were summed up is not there any more.
   */
  saveSession(options: {
    readonly sessionId: string;
    readonly text: string;
    readonly lines: readonly number[];
  }): Promise<boolean>;
}
