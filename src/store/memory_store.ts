/**
 * Stores memories of users and their embeddings, and defines where a memory may be shown: what was said in
 * private is not repeated elsewhere.
 */

import type { ChannelType } from "../domain/message.ts";

/** A memory to add. */
export interface NewMemory {
  /** The user it is about: `platform:userId`. */
  readonly userKey: string;
  readonly text: string;
  /** Whether it was said in private and must not be shown elsewhere. */
  readonly private: boolean;
  /** The channel in which it was said. */
  readonly channelKey: string;
  readonly createdAt: number;
  /** Added by a tool at the user's request (default), or learned from a turn. */
  readonly source?: "tool" | "turn";
  /** A fact (default), or a whole exchange word for word. */
  readonly kind?: "fact" | "exchange";
}

/** A stored memory. Ids rise in the order of addition. */
export interface Memory extends Required<NewMemory> {
  readonly id: number;
}

/** Selects the memories of a user that may be seen: public ones, and some private ones. */
export interface MemoryView {
  readonly userKey: string;
  /** Whether all private memories may be seen. */
  readonly includePrivate: boolean;
  /** Private memories from this channel may be seen in any case. */
  readonly channelKey?: string;
}

/** What was learned from an exchange. */
export interface ExtractedFacts {
  /** The exchange's number in the outbox. */
  readonly seq: number;
  readonly userKey: string;
  readonly add: readonly NewMemory[];
  /** Ids of memories that are no longer true. Those that a tool added are kept. */
  readonly drop: readonly number[];
}

/** Stores memories. All methods see and change only the memories of the given user. */
export interface MemoryStore {
  /**
   * Adds a memory, and deletes the user's oldest ones of the same source beyond `cap`. If the user has one
   * with the same text, returns that instead: it keeps its id and time, becomes public if the new one is,
   * and gets the source `tool` if the new one has it.
   */
  add(
    memory: NewMemory,
    options: { readonly cap: number },
  ): Promise<{ readonly memory: Memory; readonly created: boolean }>;

  /**
   * Returns memories that contain any word of the query, the best match first: rare words and short texts
   * weigh more, old memories less. Case, accents and English endings are ignored; nothing in a query is
   * syntax.
   */
  search(
    options: MemoryView & { readonly query: string; readonly limit: number },
  ): Promise<readonly Memory[]>;

  /** Returns the newest memories, the newest first, optionally of one kind. */
  recent(
    options: MemoryView & { readonly limit: number; readonly kind?: Memory["kind"] },
  ): Promise<readonly Memory[]>;

  /** Deletes a memory. Returns false if the user has none with this id. */
  remove(options: { readonly userKey: string; readonly id: number }): Promise<boolean>;

  /** Deletes a user's memories and pending exchanges. Returns the number of memories. */
  removeAll(userKey: string): Promise<number>;

  /**
   * Removes an exchange from the outbox and applies what was learned from it, adding as `add` does. Writes
   * nothing and returns false if the exchange is not in the outbox: it was processed or forgotten.
   */
  learn(extracted: ExtractedFacts, options: { readonly cap: number }): Promise<boolean>;
}

/** Stores embeddings of memories, one for each memory, for search by meaning. */
export interface VectorStore {
  /**
   * Returns the memories whose vectors from this model are most similar to `vector`, the most similar first;
   * old ones rank lower. Similarity is the cosine, and must be positive. The search may be approximate.
   */
  nearest(
    options: MemoryView & {
      readonly model: string;
      readonly vector: Float32Array;
      readonly limit: number;
    },
  ): Promise<readonly Memory[]>;

  /**
   * Returns memories of all users without a vector from this model, the newest first. Called after every
   * exchange, so except for the first call with a model its cost must not depend on how many memories have
   * a vector.
   */
  missing(
    options: { readonly model: string; readonly limit: number },
  ): Promise<readonly Pick<Memory, "id" | "text">[]>;

  /** Saves vectors, replacing older ones. Ignores memories that no longer exist. */
  save(
    model: string,
    vectors: readonly { readonly id: number; readonly vector: Float32Array }[],
  ): Promise<void>;

  /** Records that the model refuses to embed a memory: it has no vector and is no longer missing. */
  skip(model: string, id: number): Promise<void>;
}

/** Where something is said. */
export interface MemoryContext {
  readonly channelKey: string;
  /** Unset if the adapter did not say. */
  readonly channelType?: ChannelType;
}

/** Whether what is said there is private. A channel of unknown type may be a direct message. */
export function isPrivate({ channelType }: MemoryContext): boolean {
  return channelType === "dm" || channelType === undefined;
}

/**
 * Returns what may be seen there: everything in a direct message; public memories and those from the same
 * channel in a channel of unknown type; public memories everywhere else.
 */
export function viewFrom(
  { channelKey, channelType }: MemoryContext,
): Pick<MemoryView, "includePrivate" | "channelKey"> {
  return {
    includePrivate: channelType === "dm",
    channelKey: channelType === undefined ? channelKey : undefined,
  };
}
