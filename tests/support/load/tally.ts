/** A count that rises, and that can be waited on. The kill loop chooses its moments by it. */

interface Waiter {
  readonly count: number;
  readonly resolve: () => void;
}

export class Tally {
  #count = 0;
  #waiters: Waiter[] = [];

  get count(): number {
    return this.#count;
  }

  /** Counts one more. */
  add(): void {
    this.#count++;
    if (!this.#waiters.some(({ count }) => count <= this.#count)) return;
    const served = this.#waiters.filter(({ count }) => count <= this.#count);
    this.#waiters = this.#waiters.filter(({ count }) => count > this.#count);
    served.forEach(({ resolve }) => resolve());
  }

  /** Resolves when so many more have been counted. */
  more(by: number): Promise<void> {
    if (by <= 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ count: this.#count + by, resolve }));
  }
}
