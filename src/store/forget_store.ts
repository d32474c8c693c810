/** Deletes all data about a user. */

import type { RequestKey } from "../domain/request.ts";

/** A user of a platform. */
export interface PlatformUser {
  readonly platform: string;
  readonly userId: string;
}

/** Number of deleted rows of each kind. */
export interface ForgottenRows {
  readonly requests: number;
  readonly history: number;
  readonly sessions: number;
  readonly summaries: number;
  readonly memories: number;
  readonly reminders: number;
  readonly usage: number;
  /** Exchanges that the memory had not learned from yet. */
  readonly exchanges: number;
}

/** Deletes users. */
export interface ForgetStore {
  /** Returns a user's unfinished requests, by sequence number. */
  unfinished(user: PlatformUser): Promise<readonly RequestKey[]>;

  /**
   * Deletes all data about a user: also the summaries of conversations that the user took part in, and all
   * stored frames of the platform, because any of them may quote the user. Adapter sessions continue after
   * the deleted frames. The fence of a channel without unfinished requests may restart.
   *
   * Deletes nothing and returns `undefined` if the user has unfinished requests, unless `unfinishedToo` is
   * true: then these are deleted, and their claims are no longer valid.
   */
  forget(
    user: PlatformUser,
    options?: { readonly unfinishedToo?: boolean },
  ): Promise<ForgottenRows | undefined>;

  /**
   * Erases deleted data from the disk as far as the database can. Runs in many small transactions, so that
   * other writes do not wait.
   */
  scrub(): Promise<void>;
}
