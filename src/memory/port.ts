/**
 * The port to what is remembered of users beyond their sessions: searched before a turn, added to after
 * it. `embedded_memory.ts` and `mem0_memory.ts` implement it; `recollection.ts` and `memory_worker.ts`
 * keep it from holding a turn up.
 */

import type { PendingExchange } from "../store/exchange_store.ts";
import type { MemoryView } from "../store/memory_store.ts";

/** Something that is remembered of a user. */
export interface Fact {
  /** As the memory names it; a number in the embedded one. */
  readonly id: string;
  readonly text: string;
  /** Whether it was said where nobody else listened. */
  readonly private: boolean;
  /** Where it was said, if that is known. */
  readonly channelKey?: string;
  /** Milliseconds since the epoch, if that is known. */
  readonly createdAt?: number;
}

/** What is looked for. */
export interface MemoryQuery extends MemoryView {
  readonly query: string;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** How an exchange is added. */
export interface AddOptions {
  /** Whether an earlier try may have come through, though nothing was heard of it. */
  readonly repeated: boolean;
  readonly signal: AbortSignal;
}

/** What is remembered of users. All methods throw {@linkcode MemoryError} where they cannot. */
export interface Memory {
  /** `embedded` or `mem0`, for the log and /health. */
  readonly kind: string;
  /** What helps to answer, the most helpful first. */
  search(query: MemoryQuery): Promise<readonly Fact[]>;
  /** Learns from an exchange. */
  add(exchange: PendingExchange, options: AddOptions): Promise<void>;
  /** Everything of a user, the newest first. */
  list(
    userKey: string,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<readonly Fact[]>;
  /** Forgets one fact; false where there is none of this id. */
  remove(userKey: string, id: string): Promise<boolean>;
  /** Forgets all of a user; gives how many facts that were. */
  removeAll(userKey: string): Promise<number>;
}

/** A memory did not do what it was asked. */
export class MemoryError extends Error {
  override readonly name = "MemoryError";
  /** Whether the same thing may succeed later: the memory is away, busy, or wants another key. */
  readonly passing: boolean;
  /** What a search has found all the same. */
  readonly found: readonly Fact[];

  constructor(
    message: string,
    options: {
      readonly passing: boolean;
      readonly cause?: unknown;
      readonly found?: readonly Fact[];
    },
  ) {
    super(message, { cause: options.cause });
    this.passing = options.passing;
    this.found = options.found ?? [];
  }
}
