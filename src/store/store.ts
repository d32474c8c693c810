/**
 * The store in the words of the domain. Every method is one transaction: when its promise resolves,
 * what it did is durable. Time and ids are passed in. `sqlite_store.ts` implements it; the
 * conformance suite in tests/store holds every implementation to these texts.
 */

import type { ExchangeStore } from "./exchange_store.ts";
import type { ForgetStore } from "./forget_store.ts";
import type { FrameStore } from "./frame_store.ts";
import type { HistoryStore } from "./history_store.ts";
import type { MemoryStore } from "./memory_store.ts";
import type { ReminderStore } from "./reminder_store.ts";
import type { RequestStore } from "./request_store.ts";
import type { RunStore } from "./run_store.ts";
import type { SessionStore } from "./session_store.ts";
import type { SummaryStore } from "./summary_store.ts";
import type { TaskStore } from "./task_store.ts";
import type { UsageStore } from "./usage_store.ts";
import type { VectorStore } from "./vector_store.ts";

/** The store's figures for /health. */
export interface StoreFigures {
  readonly kind: string;
  readonly queued: number;
  readonly running: number;
  readonly undelivered: number;
}

/** All that the gateway keeps. Its parts are apart so that each user sees no more than it needs. */
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
  /** Counts for /health. */
  figures(): Promise<StoreFigures>;
  /** Resolves when a write that changes nothing has gone the way of all writes. */
  probe(): Promise<void>;
}
