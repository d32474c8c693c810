/** The part of the store that deletes all that is kept of a user. Used by the user eraser. */

import type { RequestKey } from "../domain/request.ts";

/** A user of a platform. */
export interface PlatformUser {
  readonly platform: string;
  readonly userId: string;
}

/** How many rows of each kind were deleted. */
export interface ForgottenRows {
  readonly requests: number;
  readonly history: number;
  readonly sessions: number;
  readonly summaries: number;
  readonly memories: number;
  readonly reminders: number;
  /** Rows of what models were used for. */
  readonly usage: number;
  /** What was said and waited to be learned from. */
  readonly exchanges: number;
}

/** Deletion. Every method but `scrub` is one transaction, durable when its promise resolves. */
export interface ForgetStore {
  /** The requests of a user that wait or run. */
  unfinished(user: PlatformUser): Promise<readonly RequestKey[]>;

  /**
   * Deletes all of a user's, the summaries of conversations that the user had a part in, and the
   * frames that are kept for adapters of the platform, whose sessions go on after them.
   * Undefined, and nothing is deleted, while requests of the user wait or run, unless these are to be
   * deleted, too.
   */
  forget(
    user: PlatformUser,
    options?: { readonly unfinishedToo?: boolean },
  ): Promise<ForgottenRows | undefined>;

  /** Takes what was deleted off the disk, too, as far as the database can; in many small transactions. */
  scrub(): Promise<void>;
}
