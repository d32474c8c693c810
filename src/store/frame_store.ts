/** Stores adapter sessions and the frames they may still ask for, so that a session survives a restart. */

/** A session of an adapter. Its frames are numbered from 1 without gaps. */
export interface StoredAdapterSession {
  readonly sessionId: string;
  readonly nodeId: string;
  readonly platform: string;
  readonly capabilities: readonly string[];
  /** Number of the last frame; 0 if there is none. */
  readonly lastSeq: number;
  /** Frames up to this number are not kept: they were acknowledged or exceeded the buffer. */
  readonly before: number;
  /** Frames up to `lastSeq` in order, as sent over the wire. */
  readonly frames: readonly string[];
}

/** Changes since the last save. */
export interface SessionChanges {
  /** Changed sessions, each with the frames added since, or not yet saved. */
  readonly sessions: readonly StoredAdapterSession[];
  /** Ids of ended sessions. They are deleted before `sessions` are saved. */
  readonly ended: readonly string[];
}

/** Stores adapter sessions. */
export interface FrameStore {
  /**
   * Saves changes: adds the frames, and deletes frames up to `before`, which never decreases. A frame that is
   * saved again is kept once. A node has one session; saving a new one deletes the one before.
   */
  save(changes: SessionChanges): Promise<void>;

  /**
   * Returns sessions by id, each with all frames after `before`. Leaves out a session if any of these is
   * missing.
   */
  sessions(): Promise<readonly StoredAdapterSession[]>;
}
