/**
 * The part of the store that keeps what was said until the memory has learned from it: an outbox,
 * filled in the transaction that finishes a request. Worked off by `memory/worker.ts`.
 */

import type { ChannelType } from "../domain/message.ts";

/** What a user said and what was answered. */
export interface Exchange {
  /** The request, over all adapters: `nodeId/requestId`. */
  readonly key: string;
  /** Whose words they are: `platform:userId`. */
  readonly userKey: string;
  readonly userName?: string;
  readonly channelKey: string;
  readonly channelType?: ChannelType;
  readonly question: string;
  readonly answer: string;
  /** When it was answered, milliseconds since the epoch. */
  readonly at: number;
}

/** An exchange that waits. */
export interface WaitingExchange extends Exchange {
  /** The request's number. */
  readonly seq: number;
  /** Times it was tried before. */
  readonly attempts: number;
}

/** The memory's outbox. Every method is one transaction, durable when its promise resolves. */
export interface ExchangeStore {
  /**
   * The oldest of each user: what was said later must be learned later, however often that fails. Those
   * that were tried least first, the oldest of them first. None of the users `without`.
   */
  waiting(
    options: { readonly limit: number; readonly without?: readonly string[] },
  ): Promise<readonly WaitingExchange[]>;

  /** Counts a try, before it is made; false where the exchange is gone. */
  begin(seq: number): Promise<boolean>;

  /** Drops an exchange: it is remembered, or given up. */
  done(seq: number): Promise<void>;

  /** Drops the oldest past `keep`; gives their count. */
  trim(options: { readonly keep: number }): Promise<number>;

  /** How many wait. */
  count(): Promise<number>;
}
