/** Stores summaries: a rolling one for each conversation, and one for each ended session. */

import type { Conversation } from "../domain/keys.ts";
import type { Session } from "./session_store.ts";

/** Summary of a conversation up to a history line. */
export interface RollingSummary {
  readonly text: string;
  /** Id of the newest line it covers. */
  readonly coversTo: number;
  readonly updatedAt: number;
}

/** Summary of an ended session. */
export interface SessionSummary {
  readonly text: string;
  readonly endedAt: number;
}

/** Stores summaries. */
export interface SummaryStore {
  /**
   * Returns the rolling summary of a conversation. Returns `undefined` if there is none, or if every
   * running session started after the newest line it covers.
   */
  rolling(conversation: Conversation): Promise<RollingSummary | undefined>;

  /** Returns the newest non-empty summary of a user's ended sessions in a conversation. */
  lastSession(
    options: { readonly conversation: Conversation; readonly userId: string },
  ): Promise<SessionSummary | undefined>;

  /**
   * Replaces the rolling summary that covers up to `from`; with `from` 0, adds the first one. The new one
   * covers up to the highest of `lines`, the history lines that were summarized (at least one). Writes
   * nothing and returns false if
   *
   * - the current summary does not cover up to `from`. With `from` 0, an existing summary is replaced,
   *   unless an ended session that it covers still has no summary of its own;
   * - any of `lines` was deleted in the meantime.
   */
  saveRolling(options: {
    readonly conversation: Conversation;
    readonly text: string;
    readonly from: number;
    readonly lines: readonly number[];
    readonly now: number;
  }): Promise<boolean>;

  /** Lists ended sessions without a summary, the first ended first. */
  unsummarized(options: { readonly limit: number }): Promise<readonly Session[]>;

  /** Whether a session has ended and has no summary. */
  isUnsummarized(sessionId: string): Promise<boolean>;

  /** Returns the rolling summary of a session's conversation, if it covers lines since its start. */
  rollingForSession(sessionId: string): Promise<RollingSummary | undefined>;

  /** Saves an empty summary for all sessions without one that ended before `endedBefore`. */
  giveUp(options: { readonly endedBefore: number }): Promise<void>;

  /**
   * Saves the summary of an ended session; an empty text means that there is nothing to summarize. Writes
   * nothing and returns false if the session is unknown, running or has a summary, or if any of `lines`,
   * the history lines that were summarized, was deleted in the meantime.
   */
  saveSession(options: {
    readonly sessionId: string;
    readonly text: string;
    readonly lines: readonly number[];
  }): Promise<boolean>;
}
