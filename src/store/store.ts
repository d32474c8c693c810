/**
 * The store: everything the gateway keeps, behind one interface per kind of data. `sqlite/` implements it;
 * the conformance suite in `tests/store/conformance/` tests an implementation against these docs.
 *
 * Unless a method says otherwise:
 *
 * - A call is one transaction: it takes effect completely or, if its promise rejects, not at all.
 * - Writes are serializable. Within one process they take effect in the order of the calls.
 * - A resolved write is durable, and every later read sees it.
 * - A failure rejects with {@linkcode StoreError}. Its `lasting` is true if the data itself was refused, so
 *   that a retry cannot succeed. An id that does not exist is never an error.
 * - The store reads no clock and generates no ids except sequence numbers. Times are milliseconds since the
 *   epoch.
 * - Strings may contain any character, including NUL, quotes and unpaired surrogates.
 */

import type { ExchangeStore } from "./exchange_store.ts";
import type { ForgetStore } from "./forget_store.ts";
import type { FrameStore } from "./frame_store.ts";
import type { HistoryStore } from "./history_store.ts";
import type { MemoryStore, VectorStore } from "./memory_store.ts";
import type { ReminderStore } from "./reminder_store.ts";
import type { RequestStore } from "./request_store.ts";
import type { RunStore, TaskStore } from "./run_store.ts";
import type { SessionStore } from "./session_store.ts";
import type { SummaryStore } from "./summary_store.ts";
import type { UsageStore } from "./usage_store.ts";

/** Counts for /health. */
export interface StoreFigures {
  /** The implementation, such as `sqlite`. */
  readonly kind: string;
  readonly queued: number;
  readonly running: number;
  /** Finished requests whose reply has not been delivered. */
  readonly undelivered: number;
}

/** All stores of a gateway. A component takes only those it uses. Disposal completes pending writes. */
export interface Store extends AsyncDisposable {
  readonly requests: RequestStore;
  readonly sessions: SessionStore;
  readonly history: HistoryStore;
  readonly memories: MemoryStore;
  readonly vectors: VectorStore;
  readonly exchanges: ExchangeStore;
  readonly runs: RunStore;
  readonly tasks: TaskStore;
  readonly reminders: ReminderStore;
  readonly usage: UsageStore;
  readonly summaries: SummaryStore;
  readonly frames: FrameStore;
  readonly forget: ForgetStore;
  figures(): Promise<StoreFigures>;
  /** Commits an empty write. Rejects if the store cannot be written. */
  probe(): Promise<void>;
}
