/** A bucket for each of very many: those that have been quiet for a while are forgotten. */

import { TokenBucket, type TokenBucketOptions } from "./token_bucket.ts";

/** Buckets after which those that are full are forgotten. */
const firstSweepAt = 10_000;

export class TokenBuckets {
  readonly #options: TokenBucketOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = firstSweepAt;

  /** @param options of each bucket. */
  constructor(options: TokenBucketOptions) {
    this.#options = options;
  }

  /** Takes one out of a bucket; gives 0, or after how many milliseconds there will be one. */
  take(key: string): number {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= this.#sweepAt) this.#sweep();
      bucket = new TokenBucket(this.#options);
      this.#buckets.set(key, bucket);
    }
    return bucket.take();
  }

  /** Forgets who has been quiet: a full bucket says as much as none. */
  #sweep(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.full) this.#buckets.delete(key);
    // Those that are left speak just now; looking at them for each new one would cost too much.
    this.#sweepAt = Math.max(firstSweepAt, this.#buckets.size * 2);
  }
}
