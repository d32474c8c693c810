/**
 * The machine's clock, set by a test as people and NTP set it: what counts durations must not care.
 * Made before what is tested, which may hold on to the function.
 */

export class WallClock implements Disposable {
  readonly #real = Date.now;
  #back = 0;

  constructor() {
    Date.now = () => this.#real() - this.#back;
  }

  /** Sets it back (or, below zero, forward) until it is disposed of. */
  setBack(ms: number): void {
    this.#back = ms;
  }

  [Symbol.dispose](): void {
    Date.now = this.#real;
  }
}
