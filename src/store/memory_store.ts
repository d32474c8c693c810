/**
 * The part of the store that keeps what users asked to be remembered. Used by the tools `remember`
 * and `recall`.
 */

/** A fact to be kept. */
export interface NewMemory {
  /** Whose fact it is: `platform:userId`. */
  readonly userKey: string;
  readonly text: string;
  /** Whether it was said where nobody else listens, and must not be told elsewhere. */
  readonly private: boolean;
  /** The channel in which it was said. */
  readonly channelKey: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A fact that is kept. */
export interface Memory extends NewMemory {
  readonly id: number;
}

/** Which of a user's facts may be seen. */
export interface MemoryView {
  readonly userKey: string;
  /** Whether private facts may be seen, wherever they were said. */
  readonly includePrivate: boolean;
  /** Private facts that were said in this very channel may be seen in any case. */
  readonly channelKey?: string;
}

/** Facts of users. Every method is one transaction, durable when its promise resolves. */
export interface MemoryStore {
  /**
   * Keeps a fact, and drops the user's oldest ones past `cap`. A fact that is known is not kept
   * twice; told where others listen, it is no longer private.
   */
  add(
    fact: NewMemory,
    options: { readonly cap: number },
  ): Promise<{ readonly memory: Memory; readonly created: boolean }>;

  /** Facts that hold any word of the query, the best match first, newer ones before older ones. */
  search(
    options: MemoryView & { readonly query: string; readonly limit: number },
  ): Promise<readonly Memory[]>;

  /** The newest facts, newest first. */
  recent(options: MemoryView & { readonly limit: number }): Promise<readonly Memory[]>;

  /** Drops a fact of a user; false where there is none of this id. */
  remove(options: { readonly userKey: string; readonly id: number }): Promise<boolean>;
}
