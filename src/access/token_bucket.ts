/** How often something may happen: so many at once, so many a second on average. */

/** What a {@linkcode TokenBucket} is given. */
export interface TokenBucketOptions {
  /** How many may come at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** Milliseconds, of any beginning. Default: `performance.now`. */
  readonly now?: () => number;
}

const clock = () => performance.now();

/** There is one for each socket and each user: it holds nothing that several can share. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #at: number;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#at = this.#now();
  }

  /** Takes one; gives 0, or after how many milliseconds there will be one. */
  take(): number {
    const { burst, perSecond } = this.#options;
    const now = this.#now();
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#at) / 1000 * perSecond);
    this.#at = now;
    if (this.#tokens >= 1) {
      this.#tokens--;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) / perSecond * 1000);
  }

  /** Whether it is full: nothing has happened for a while. */
  get full(): boolean {
    const { burst, perSecond } = this.#options;
    return this.#tokens + (this.#now() - this.#at) / 1000 * perSecond >= burst;
  }

  #now(): number {
    return (this.#options.now ?? clock)();
  }
}
