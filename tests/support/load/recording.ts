/**
 * What happened so far, in order, and a way to wait for what is still to happen. Frames of an
 * adapter, requests to the LLM server and log lines of a gateway are kept in one each.
 */

import { within } from "../deadline.ts";

/** How {@linkcode Recording.waitFor} looks. */
export interface WaitOptions {
  /** Milliseconds. Default: 10,000. */
  readonly timeoutMs?: number;
  /** The first position that counts. Default: 0, so what was already recorded counts too. */
  readonly from?: number;
  /** What is waited for, for the error's text. */
  readonly what?: string;
}

interface Waiter<T> {
  readonly look: () => boolean;
  readonly reject: (error: Error) => void;
  readonly what: string;
  readonly result: Promise<T>;
}

/** A list that only grows, and that can be waited on. */
export class Recording<T> {
  readonly items: T[] = [];
  readonly #waiters = new Set<Waiter<T>>();
  readonly #show: (item: T) => string;
  #ended?: string;

  /** `show` gives an item's line in the error of a wait that was in vain. */
  constructor(show: (item: T) => string = (item) => JSON.stringify(item)) {
    this.#show = show;
  }

  /** Appends an item and wakes those who waited for it. */
  add(item: T): void {
    this.items.push(item);
    for (const waiter of [...this.#waiters]) waiter.look();
  }

  /** Says that nothing more will come: all waits fail with `reason`. */
  end(reason: string): void {
    this.#ended ??= reason;
    for (const { reject, what } of [...this.#waiters]) reject(this.#tooLate(what));
  }

  /** The first item from `from` on that `predicate` accepts, recorded already or still to come. */
  async waitFor(
    predicate: (item: T, index: number) => boolean,
    options: WaitOptions = {},
  ): Promise<T> {
    const { from = 0, timeoutMs, what = "an item" } = options;
    const waiter = this.#waiter(predicate, { from, what });
    if (waiter.look()) return waiter.result;
    if (this.#ended !== undefined) throw this.#tooLate(what);
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
    const look = () => {
      for (; next < this.items.length; next++) {
        const item = this.items[next]!;
        if (!predicate(item, next)) continue;
        resolve(item);
        return true;
      }
      return false;
    };
    return { look, reject, result: promise, what };
  }

  #tooLate(what: string): Error {
    return new Error(`Waited in vain for ${this.#missing(what)}\n  and then: ${this.#ended}`);
  }

  #missing(what: string): string {
    const last = this.items.slice(-8).map((item) => `\n  ${this.#show(item).slice(0, 300)}`);
    return `${what}; the last of ${this.items.length} were:${last.join("") || " none"}`;
  }
}
