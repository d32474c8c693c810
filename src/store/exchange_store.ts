/** The memory's outbox: stores exchanges until the memory has learned from them. */

import type { ChannelType } from "../domain/message.ts";

/** What a user said and the reply. */
export interface Exchange {
  /** Unique over all nodes: `nodeId/requestId`. */
  readonly key: string;
  /** The user: `platform:userId`. */
  readonly userKey: string;
  readonly userName?: string;
  readonly channelKey: string;
  readonly channelType?: ChannelType;
  readonly question: string;
  readonly answer: string;
  /** When the reply was sent. */
  readonly at: number;
}

/** An exchange in the outbox. */
export interface PendingExchange extends Exchange {
  /** The request's sequence number. */
  readonly seq: number;
  /** Earlier attempts to process it. */
  readonly attempts: number;
}

/** Stores pending exchanges. `RequestStore.finish` adds them. */
export interface ExchangeStore {
  /**
   * Returns each user's oldest exchange, because a user's exchanges are processed in order even if one
   * fails. Sorted by attempts, then by sequence number. Leaves out the users in `without`.
   */
  pending(
    options: { readonly limit: number; readonly without?: readonly string[] },
  ): Promise<readonly PendingExchange[]>;

  /** Counts an attempt, before it is made. Returns false if the exchange does not exist. */
  recordAttempt(seq: number): Promise<boolean>;

  /** Deletes an exchange that was processed or given up. */
  remove(seq: number): Promise<void>;

  /** Deletes all but the newest `keep` exchanges. Returns how many. */
  trim(options: { readonly keep: number }): Promise<number>;

  /** Returns the number of exchanges. */
  count(): Promise<number>;
}
