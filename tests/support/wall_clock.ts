/**
 * Sets the machine's clock, as people and NTP do. Create it before the code under test, which may
 * keep a reference to the function.
 */

export class WallClock implements Disposable {
  readonly #real = Date.now;
  #back = 0;

  constructor() {
    Date.now = () => this.#real() - this.#back;
  }

  /** Sets the clock back by `ms` (forward if negative) until disposal. */
  setBack(ms: number): void {
    this.#back = ms;
  }

  [Symbol.dispose](): void {
    Date.now = this.#real;
  }
}
