/** Token buckets: a burst at once, then a steady rate. */

/** Options of a {@linkcode TokenBucket}. */
export interface TokenBucketOptions {
  /** How many tokens may be taken at once. */
  readonly burst: number;
  readonly perSecond: number;
  /** A monotonic clock, milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
}

/** Buckets after which the full ones are dropped. */
const firstSweepAt = 10_000;

const clock = () => performance.now();

/** One exists for each socket and user, so it holds nothing that they can share. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  #tokens: number;
  #at: number;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#at = this.#now();
  }

  /** Takes a token. Returns 0, or the milliseconds until there is one. */
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

  /** Whether it is full, because nothing was taken for a while. */
  get full(): boolean {
    const { burst, perSecond } = this.#options;
    return this.#tokens + (this.#now() - this.#at) / 1000 * perSecond >= burst;
  }

  #now(): number {
    return (this.#options.now ?? clock)();
  }
}

/** A bucket for each key. Buckets that have been idle for a while are dropped. */
export class TokenBuckets {
  readonly #options: TokenBucketOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = firstSweepAt;

  /** @param options of each bucket. */
  constructor(options: TokenBucketOptions) {
    this.#options = options;
  }

  /** Takes a token from a key's bucket. Returns 0, or the milliseconds until there is one. */
  take(key: string): number {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= this.#sweepAt) this.#sweep();
      bucket = new TokenBucket(this.#options);
      this.#buckets.set(key, bucket);
    }
    return bucket.take();
  }

  /** Drops full buckets: a new one starts full, too. */
  #sweep(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.full) this.#buckets.delete(key);
    // The rest are in use; sweeping them for each new key would cost too much.
    this.#sweepAt = Math.max(firstSweepAt, this.#buckets.size * 2);
  }
}
