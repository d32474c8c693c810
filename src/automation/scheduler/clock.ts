/**
 * Waits for a time of the wall clock, which may jump: the machine sleeps, somebody sets it. Used by
 * the scheduler and the reminders.
 */

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls back once after so many milliseconds; the returned function prevents it. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** The machine's own. */
export const systemClock: Clock = {
  now: Date.now,
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** A timer counts time that passes, not the clock: after so long it looks at the clock again. */
const longestWaitMs = 30_000;

/** One alarm at a time: calls `ring` when it is time, and perhaps before. */
export class Alarm implements Disposable {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel?: () => void;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Sets it to a time; to none where that is undefined. */
  set(at: number | undefined): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (at === undefined) return;
    const waitMs = Math.min(Math.max(at - this.#clock.now(), 0), longestWaitMs);
    this.#cancel = this.#clock.after(waitMs, this.#ring);
  }

  [Symbol.dispose](): void {
    this.set(undefined);
  }
}
