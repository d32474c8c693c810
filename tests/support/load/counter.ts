/** A counter that can be awaited. The kill loop uses it to choose its moments. */

interface Waiter {
  readonly count: number;
  readonly resolve: () => void;
}

export class Counter {
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

  /** Resolves after `count` more were counted. */
  more(by: number): Promise<void> {
    if (by <= 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ count: this.#count + by, resolve }));
  }
}
