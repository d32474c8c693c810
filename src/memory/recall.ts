/**
 * What is remembered, for a turn: within its time, whatever the memory does. A memory that is down or
 * slow costs a turn its budget and no more, and after some turns nothing until it is tried again.
 * Called by the processor; /health asks it how the memory is.
 */

import { errorText } from "../lib/error_text.ts";
import { isoDate } from "../lib/iso_time.ts";
import { logger } from "../logging/log.ts";
import { type Place, viewFrom } from "../store/memory_scope.ts";
import { type Fact, type Memory, MemoryError } from "./port.ts";
import { Deadline } from "../lib/deadline.ts";

const log = logger("memory");

/** Facts that a turn is given at most. */
const maxFacts = 12;
/** How long a search that was told to stop may take to give what it has, milliseconds. */
const graceMs = 50;
/** Failures in a row after which turns go on without asking, and for how long, milliseconds. */
const failuresBeforeRest = 3;
const restMs = 30_000;
/** How often the log says that turns go without memories, milliseconds. */
const sayEveryMs = 60_000;

const resting = new Error("the memory has failed too often");

/** What a {@linkcode MemoryRecall} is given. */
export interface MemoryRecallOptions {
  readonly memory: Memory;
  /** How long a turn waits for its memories, milliseconds. */
  readonly budgetMs: number;
  readonly now?: () => number;
}

/** A turn that is about to begin. */
export interface RecallRequest extends Place {
  readonly userKey: string;
  /** What the user says. */
  readonly query: string;
  readonly signal: AbortSignal;
}

/** How the memory is. */
export interface MemoryRecallFigures {
  readonly state: "ok" | "down";
  readonly last_error?: string;
}

export class MemoryRecall {
  readonly #options: MemoryRecallOptions;
  readonly #now: () => number;
  #failures = 0;
  #restsUntil = 0;
  #said = -Infinity;
  #unsaid = 0;
  #lastError?: string;

  constructor(options: MemoryRecallOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** What may help to answer, a line each; empty where the memory fails. Never rejects. */
  async recall({ userKey, query, signal, ...place }: RecallRequest): Promise<readonly string[]> {
    const { memory, budgetMs } = this.#options;
    const rests = this.#now() < this.#restsUntil;
    // Also then: what needs no answer from elsewhere is found all the same.
    using deadline = new Deadline({
      ms: budgetMs,
      signal: rests ? AbortSignal.abort(resting) : signal,
    });
    const view = { userKey, ...viewFrom(place) };
    const searching = memory.search({ ...view, query, limit: maxFacts, signal: deadline.signal })
      .catch((error: Error) => error);
    const result = await unlessLate(searching, { signal: deadline.signal, ms: graceMs }) ??
      new MemoryError(`No answer within ${budgetMs / 1000} s`, { passing: true });
    if (signal.aborted) return [];
    if (!rests) this.#note(result);
    const found = result instanceof MemoryError ? result.found : result;
    return found instanceof Error ? [] : found.map(toLine);
  }

  figures(): MemoryRecallFigures {
    return this.#lastError === undefined
      ? { state: "ok" }
      : { state: "down", last_error: this.#lastError };
  }

  #note(result: readonly Fact[] | Error): void {
    if (result instanceof Error) this.#fails(result);
    else this.#works();
  }

  #works(): void {
    if (this.#lastError !== undefined) log.info("The memory answers again");
    this.#lastError = undefined;
    this.#failures = 0;
    this.#said = -Infinity;
    this.#unsaid = 0;
  }

  #fails(error: Error): void {
    this.#lastError = error.message;
    this.#unsaid++;
    const now = this.#now();
    if (++this.#failures >= failuresBeforeRest) this.#restsUntil = now + restMs;
    if (now - this.#said < sayEveryMs) return;
    log.warn("{count} turns went on without memories: {error}", {
      count: this.#unsaid,
      error: errorText(error),
    });
    this.#said = now;
    this.#unsaid = 0;
  }
}

/** Undefined where it has not come this long after the signal's abort; before that no timer is needed. */
function unlessLate<T>(
  promise: Promise<T>,
  { signal, ms }: { readonly signal: AbortSignal; readonly ms: number },
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = () => timer = setTimeout(end, ms);
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

function toLine({ text, createdAt }: Fact): string {
  const line = text.replace(/\s+/g, " ").trim();
  return createdAt === undefined ? line : `[${isoDate(createdAt)}] ${line}`;
}
