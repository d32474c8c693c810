/** Stores sessions. */

import type { Conversation } from "../domain/keys.ts";

/** A user's session in a conversation. */
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

/** A session, running or ended, as listed for operators. */
export interface SessionRecord extends Session {
  /** Unset while it runs. */
  readonly endedAt?: number;
  /** Number of history lines. */
  readonly lines: number;
  /** Set once the session has ended and been summarized. */
  readonly summary?: string;
}

/** Filters for {@linkcode SessionStore.list}. */
export interface SessionQuery {
  readonly platform?: string;
  readonly userId?: string;
  readonly channelId?: string;
  readonly limit: number;
}

/** Stores sessions. A user has at most one running session in a conversation. */
export interface SessionStore {
  /**
   * Returns the user's running session in the conversation and raises its `activeAt` to `now`; if it is
   * that high already, the call writes nothing. Starts a new session with `id` if none is running. If the
   * running one was last active before `idleBefore`, it ends, and the call returns it as `ended`.
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

  /** Ends and returns up to `limit` sessions that were last active before `idleBefore`, in any order. */
  endIdle(options: {
    readonly idleBefore: number;
    readonly now: number;
    readonly limit: number;
  }): Promise<readonly Session[]>;

  /** Ends a user's running session in a conversation. Returns `undefined` if there is none. */
  end(options: {
    readonly conversation: Conversation;
    readonly userId: string;
    readonly now: number;
  }): Promise<Session | undefined>;

  /** Ends a session by id. Returns `undefined` if it is not running. */
  endById(
    options: { readonly id: string; readonly now: number },
  ): Promise<Session | undefined>;

  /** Lists sessions, the last started first. */
  list(query: SessionQuery): Promise<readonly SessionRecord[]>;

  /** Returns a session by id. */
  get(id: string): Promise<SessionRecord | undefined>;

  /** Returns the node of the channel's last started session, running or ended. */
  nodeForChannel(channelKey: string): Promise<string | undefined>;
}
