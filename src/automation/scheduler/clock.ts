/** Waits for a time of the wall clock, which jumps when the machine sleeps or the clock is set. */

/** A source of time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Calls back once after `ms` milliseconds. The returned function cancels it. */
  readonly after: (ms: number, callback: () => void) => () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: Date.now,
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Timers count elapsed time, not wall-clock time, so check the clock at least this often. */
const longestWaitMs = 30_000;

/** Calls `ring` at a given time, and possibly earlier. */
export class Alarm implements Disposable {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel?: () => void;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Sets the time, replacing any earlier one; undefined clears it. */
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
