/**
 * A growing list that can be awaited. Holds the frames of an adapter, the requests to the LLM
 * server or the log lines of a gateway.
 */

import { within } from "./deadline.ts";

/** Options of {@linkcode AwaitableList.waitFor}. */
export interface WaitOptions {
  /** Milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /** The first index to poll at. Default: 0, so earlier items count too. */
  readonly from?: number;
  /** What is awaited, for the error message. */
  readonly what?: string;
}

interface Waiter<T> {
  readonly poll: () => boolean;
  readonly reject: (error: Error) => void;
  readonly what: string;
  readonly result: Promise<T>;
}

/** A list that only grows and can be awaited. */
export class AwaitableList<T> {
  readonly items: T[] = [];
  readonly #waiters = new Set<Waiter<T>>();
  readonly #show: (item: T) => string;
  #ended?: string;

  /** `show` formats an item for the error of a failed wait. */
  constructor(show: (item: T) => string = (item) => JSON.stringify(item)) {
    this.#show = show;
  }

  /** Appends an item and wakes matching waits. */
  add(item: T): void {
    this.items.push(item);
    for (const waiter of [...this.#waiters]) waiter.poll();
  }

  /** Marks the list as complete: pending and future waits fail with `reason`. */
  end(reason: string): void {
    this.#ended ??= reason;
    for (const { reject, what } of [...this.#waiters]) reject(this.#endError(what));
  }

  /** Resolves to the first item from `from` on that `predicate` accepts, past or future. */
  async waitFor(
    predicate: (item: T, index: number) => boolean,
    options: WaitOptions = {},
  ): Promise<T> {
    const { from = 0, timeoutMs, what = "an item" } = options;
    const waiter = this.#waiter(predicate, { from, what });
    if (waiter.poll()) return waiter.result;
    if (this.#ended !== undefined) throw this.#endError(what);
    this.#waiters.add(waiter);
    try {
      return await within(waiter.result, { timeoutMs, what: () => this.#missing(what) });
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  #waiter(
    predicate: (item: T, index: number) => boolean,
    { from, what }: { readonly from: number; readonly what: string },
  ): Waiter<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let next = from;
    const poll = () => {
      for (; next < this.items.length; next++) {
        const item = this.items[next]!;
        if (!predicate(item, next)) continue;
        resolve(item);
        return true;
      }
      return false;
    };
    return { poll, reject, result: promise, what };
  }

  #endError(what: string): Error {
    return new Error(`Waiting for ${this.#missing(what)}\n  and then: ${this.#ended}`);
  }

  #missing(what: string): string {
    const last = this.items.slice(-8).map((item) => `\n  ${this.#show(item).slice(0, 300)}`);
    return `${what}; the last of ${this.items.length} were:${last.join("") || " none"}`;
  }
}
