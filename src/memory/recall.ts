/**
 * Recalls memories for a turn within a time budget. A backend that is down or slow costs a turn no more
 * than its budget, and after repeated failures nothing until the cooldown ends.
 */

import { errorText } from "../lib/error_text.ts";
import { isoDate } from "../lib/iso_time.ts";
import { logger } from "../logging/log.ts";
import { type MemoryContext, viewFrom } from "../store/memory_store.ts";
import { type Memory, type MemoryBackend, MemoryError } from "./port.ts";
import { Deadline } from "../lib/deadline.ts";

const log = logger("memory");

/** Most memories in a turn. */
const maxMemories = 12;
/** How long an aborted search may take to return what it has, milliseconds. */
const graceMs = 50;
/** Consecutive failures that start a cooldown, and its length in milliseconds. */
const failuresBeforeCooldown = 3;
const cooldownMs = 30_000;
/** Shortest time between two warnings, milliseconds. */
const warnIntervalMs = 60_000;

const inCooldown = new Error("the memory failed too often");

/** Options of {@linkcode MemoryRecall}. */
export interface MemoryRecallOptions {
  readonly backend: MemoryBackend;
  /** How long a turn waits for its memories, milliseconds. */
  readonly budgetMs: number;
  readonly now?: () => number;
}

/** A turn that is about to start. */
export interface RecallRequest extends MemoryContext {
  readonly userKey: string;
  /** The user's message. */
  readonly query: string;
  readonly signal: AbortSignal;
}

/** The state of the memory. */
export interface MemoryRecallFigures {
  readonly state: "ok" | "down";
  readonly last_error?: string;
}

export class MemoryRecall {
  readonly #options: MemoryRecallOptions;
  readonly #now: () => number;
  #failures = 0;
  #cooldownUntil = 0;
  #warnedAt = -Infinity;
  #failuresSinceWarning = 0;
  #lastError?: string;

  constructor(options: MemoryRecallOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Returns what may help to answer, one line each; nothing if the memory fails. Never rejects. */
  async recall({ userKey, query, signal, ...place }: RecallRequest): Promise<readonly string[]> {
    const { backend, budgetMs } = this.#options;
    const coolingDown = this.#now() < this.#cooldownUntil;
    // A search during the cooldown still returns what needs no remote answer.
    using deadline = new Deadline({
      ms: budgetMs,
      signal: coolingDown ? AbortSignal.abort(inCooldown) : signal,
    });
    const view = { userKey, ...viewFrom(place) };
    const searching = backend.search({
      ...view,
      query,
      limit: maxMemories,
      signal: deadline.signal,
    })
      .catch((error: Error) => error);
    const result = await untilAborted(searching, { signal: deadline.signal, graceMs }) ??
      new MemoryError(`No answer within ${budgetMs / 1000} s`, { transient: true });
    if (signal.aborted) return [];
    if (!coolingDown) this.#record(result);
    const found = result instanceof MemoryError ? result.partial : result;
    return found instanceof Error ? [] : found.map(toLine);
  }

  figures(): MemoryRecallFigures {
    return this.#lastError === undefined
      ? { state: "ok" }
      : { state: "down", last_error: this.#lastError };
  }

  #record(result: readonly Memory[] | Error): void {
    if (result instanceof Error) this.#onFailure(result);
    else this.#onSuccess();
  }

  #onSuccess(): void {
    if (this.#lastError !== undefined) log.info("The memory has recovered");
    this.#lastError = undefined;
    this.#failures = 0;
    this.#warnedAt = -Infinity;
    this.#failuresSinceWarning = 0;
  }

  #onFailure(error: Error): void {
    this.#lastError = error.message;
    this.#failuresSinceWarning++;
    const now = this.#now();
    if (++this.#failures >= failuresBeforeCooldown) this.#cooldownUntil = now + cooldownMs;
    if (now - this.#warnedAt < warnIntervalMs) return;
    log.warn("{count} turns ran without memories: {error}", {
      count: this.#failuresSinceWarning,
      error: errorText(error),
    });
    this.#warnedAt = now;
    this.#failuresSinceWarning = 0;
  }
}

/** Resolves with undefined once the signal has been aborted for `graceMs` milliseconds. */
function untilAborted<T>(
  promise: Promise<T>,
  { signal, graceMs }: { readonly signal: AbortSignal; readonly graceMs: number },
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = () => timer = setTimeout(end, graceMs);
    if (signal.aborted) wait();
    else signal.addEventListener("abort", wait);
    promise.then(end);
    function end(result?: T) {
      clearTimeout(timer);
      signal.removeEventListener("abort", wait);
      resolve(result);
    }
  });
}

function toLine({ text, createdAt }: Memory): string {
  const line = text.replace(/\s+/g, " ").trim();
  return createdAt === undefined ? line : `[${isoDate(createdAt)}] ${line}`;
}
