/** The part of the store that keeps sessions. Used by the session registry. */

import type { Conversation } from "./history_store.ts";

/** A user's conversation in a channel (and thread). */
export interface Session {
  readonly id: string;
  readonly nodeId: string;
  readonly platform: string;
  readonly userId: string;
  readonly channelKey: string;
  readonly channelId: string;
  readonly threadId: string;
  readonly startedAt: number;
  readonly activeAt: number;
}

/** Sessions. Every method is one transaction, durable when its promise resolves. */
export interface SessionStore {
  /**
   * The running session of a user in a conversation, touched; a new one (with `id`) where there is
   * none or the last one was idle since before `idleBefore`; that one is ended and given back.
   */
  open(options: {
    readonly id: string;
    readonly nodeId: string;
    readonly platform: string;
    readonly userId: string;
    readonly channelId: string;
    readonly conversation: Conversation;
    readonly now: number;
    readonly idleBefore: number;
  }): Promise<{
    readonly session: Session;
    readonly created: boolean;
    readonly ended?: Session;
  }>;

  /** Ends up to `limit` sessions that were idle since before `idleBefore`; gives them back. */
  endIdle(options: {
    readonly idleBefore: number;
    readonly now: number;
    readonly limit: number;
  }): Promise<readonly Session[]>;

  /** The adapter that carried the newest session of a channel; undefined where there was none. */
  nodeOf(channelKey: string): Promise<string | undefined>;
}
