/** The part of the store that keeps sessions. Used by the session registry. */

import type { Conversation } from "../domain/keys.ts";

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

/** A session as those see it who look back. */
export interface SessionRecord extends Session {
  /** Missing while it runs. */
  readonly endedAt?: number;
  /** Lines of history that it has. */
  readonly lines: number;
  /** What was said in it, once it is over and summed up. */
  readonly summary?: string;
}

/** Which sessions are looked for; what is missing does not matter. */
export interface SessionQuery {
  readonly platform?: string;
  readonly userId?: string;
  readonly channelId?: string;
  readonly limit: number;
}

/** Sessions. Every method is one transaction, durable when its promise resolves. */
export interface SessionStore {
  /**
   * The running session of a user in a conversation, in use at the time `now`; a new one (with `id`)
   * where there is none or the last one was idle since before `idleBefore`; that one is ended and given
   * back. A session that a claim has found in use at that time costs no commit.
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

  /** Ends a user's running session in a conversation; undefined where there is none. */
  end(options: {
    readonly conversation: Conversation;
    readonly userId: string;
    readonly now: number;
  }): Promise<Session | undefined>;

  /** Ends a session by its id; undefined where it does not run. */
  endById(
    options: { readonly id: string; readonly now: number },
  ): Promise<Session | undefined>;

  /** The newest sessions, newest first. */
  list(query: SessionQuery): Promise<readonly SessionRecord[]>;

  /** One session; undefined where there is none. */
  get(id: string): Promise<SessionRecord | undefined>;

  /** The adapter that carried the newest session of a channel; undefined where there was none. */
  nodeOf(channelKey: string): Promise<string | undefined>;
}
