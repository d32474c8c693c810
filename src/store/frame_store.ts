/**
 * The part of the store that keeps adapters' sessions and the frames that they may still ask for, so
 * that a session goes on over a restart. Used by the session keeper.
 */

/** An adapter's session. Its frames are numbered from 1 on, without a gap. */
export interface StoredAdapterSession {
  readonly sessionId: string;
  readonly nodeId: string;
  readonly platform: string;
  readonly capabilities: readonly string[];
  /** The number of its last frame; 0 before the first. */
  readonly lastSeq: number;
  /** Frames up to this number are not kept: they have arrived, or made room. */
  readonly before: number;
  /** The frames up to the last one, in the order of their numbers, as they go over the wire. */
  readonly frames: readonly string[];
}

/** What has happened to sessions since the last time. */
export interface SessionChanges {
  /** Each with the frames that are new since then, or that were not kept when they were. */
  readonly sessions: readonly StoredAdapterSession[];
  /** The ids of those that are over. */
  readonly ended: readonly string[];
}

/** Sessions of adapters. Every method is one transaction, durable when its promise resolves. */
export interface FrameStore {
  /**
   * Keeps what is new and drops what need not be kept any more. An adapter has one session: a new one
   * takes the place of the one before. What was dropped stays dropped: `before` never falls.
   */
  save(changes: SessionChanges): Promise<void>;

  /** All sessions, each with all frames after `before`; one that misses any of these is left out. */
  sessions(): Promise<readonly StoredAdapterSession[]>;
}
