/**
 * The interface of a memory backend: searched before a turn, taught after it. `embedded/` and `mem0/`
 * implement it; {@linkcode MemoryRecall} and {@linkcode MemoryWorker} keep it from delaying turns.
 */

import type { PendingExchange } from "../store/exchange_store.ts";
import type { MemoryView } from "../store/memory_store.ts";

/** Something remembered about a user. */
export interface Memory {
  /** Assigned by the backend; the embedded one uses numbers. */
  readonly id: string;
  readonly text: string;
  /** Whether it was said where nobody else listened. */
  readonly private: boolean;
  /** Where it was said, if known. */
  readonly channelKey?: string;
  /** Milliseconds since the epoch, if known. */
  readonly createdAt?: number;
}

/** A search for memories. */
export interface MemoryQuery extends MemoryView {
  readonly query: string;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Options of {@linkcode MemoryBackend.add}. */
export interface AddOptions {
  /** Whether an earlier attempt may have succeeded without our hearing of it. */
  readonly isRetry: boolean;
  readonly signal: AbortSignal;
}

/** Stores memories of users. All methods throw {@linkcode MemoryError} on failure. */
export interface MemoryBackend {
  /** `embedded` or `mem0`, for the log and /health. */
  readonly kind: string;
  /** Returns what helps to answer, most relevant first. */
  search(query: MemoryQuery): Promise<readonly Memory[]>;
  /** Learns from an exchange. */
  add(exchange: PendingExchange, options: AddOptions): Promise<void>;
  /** Returns all memories of a user, newest first. */
  list(
    userKey: string,
    options: { readonly limit: number; readonly signal: AbortSignal },
  ): Promise<readonly Memory[]>;
  /** Deletes one memory; returns false if the user has none with this id. */
  remove(userKey: string, id: string): Promise<boolean>;
  /** Deletes all memories of a user and returns their number. */
  removeAll(userKey: string): Promise<number>;
}

/** A memory backend failed. */
export class MemoryError extends Error {
  override readonly name = "MemoryError";
  /** Whether a retry may succeed: the backend is down, busy, or rejects the key. */
  readonly transient: boolean;
  /** What a search found before it failed. */
  readonly partial: readonly Memory[];

  constructor(
    message: string,
    options: {
      readonly transient: boolean;
      readonly cause?: unknown;
      readonly partial?: readonly Memory[];
    },
  ) {
    super(message, { cause: options.cause });
    this.transient = options.transient;
    this.partial = options.partial ?? [];
  }
}
