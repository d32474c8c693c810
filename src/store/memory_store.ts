/**
 * The part of the store that keeps what is remembered of users: what they asked for, and what was
 * learned from their turns. Used by the tools `remember` and `recall` and by the embedded memory.
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
  /** Who kept it: a tool that was asked to (the default), or the gateway after a turn. */
  readonly source?: "tool" | "turn";
  /** A fact (the default), or what was said as it was said. */
  readonly kind?: "fact" | "exchange";
}

/** A fact that is kept. */
export interface Memory extends Required<NewMemory> {
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

/** What was learned from an exchange. */
export interface ExtractedFacts {
  /** The exchange's number in the outbox. */
  readonly seq: number;
  readonly userKey: string;
  readonly add: readonly NewMemory[];
  /** Facts that no longer hold; those that the user asked for stay all the same. */
  readonly drop: readonly number[];
}

/** Facts of users. Every method is one transaction, durable when its promise resolves. */
export interface MemoryStore {
  /**
   * Keeps a fact, and drops the user's oldest ones of that source past `cap`. A fact that is known
   * is not kept twice; told where others listen, it is no longer private.
   */
  add(
    fact: NewMemory,
    options: { readonly cap: number },
  ): Promise<{ readonly memory: Memory; readonly created: boolean }>;

  /** Facts that hold any word of the query, the best match first, newer ones before older ones. */
  search(
    options: MemoryView & { readonly query: string; readonly limit: number },
  ): Promise<readonly Memory[]>;

  /** The newest facts, newest first; of one kind only, if asked for. */
  recent(
    options: MemoryView & { readonly limit: number; readonly kind?: Memory["kind"] },
  ): Promise<readonly Memory[]>;

  /** Drops a fact of a user; false where there is none of this id. */
  remove(options: { readonly userKey: string; readonly id: number }): Promise<boolean>;

  /** Drops all facts of a user, and what waits in the outbox to become some; gives their count. */
  removeAll(userKey: string): Promise<number>;

  /**
   * Keeps what an exchange taught, as `add` does, and drops it from the outbox. False, and nothing
   * done, where it is no longer there: it was learned from before, or is to be forgotten.
   */
  learn(lesson: ExtractedFacts, options: { readonly cap: number }): Promise<boolean>;
}
