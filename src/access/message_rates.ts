/** How often adapters and users may speak. Asked by the conversation for each message. */

import { GatewayError } from "../errors.ts";
import { platformKey } from "../protocol/platform_key.ts";
import { TokenBucket } from "./token_bucket.ts";

/** What {@linkcode MessageRates} are given. */
export interface MessageRatesOptions {
  /** Messages of one user in a minute, over all adapters; as many may come at once. */
  readonly userMessagesPerMinute: number;
  /** Messages of one adapter in a minute; a sixth of them may come at once. */
  readonly adapterMessagesPerMinute: number;
  readonly now?: () => number;
}

/** Buckets after which those that are full are forgotten. */
const sweepAt = 10_000;

export class MessageRates {
  readonly #options: MessageRatesOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweepAt = sweepAt;

  constructor(options: MessageRatesOptions) {
    this.#options = options;
  }

  /** Counts a message. @throws {GatewayError} `rate_limited`, with when to try again. */
  take(
    sender: { readonly nodeId: string; readonly platform: string },
    message: { readonly requestId: string; readonly userId: string },
  ): void {
    const { userMessagesPerMinute, adapterMessagesPerMinute } = this.#options;
    const { requestId, userId } = message;
    const burst = Math.max(1, adapterMessagesPerMinute / 6);
    const adapterMs = this.#bucket(`node ${sender.nodeId}`, adapterMessagesPerMinute, burst).take();
    if (adapterMs > 0) throw tooFast(requestId, adapterMs, `Adapter "${sender.nodeId}"`);
    const key = `user ${platformKey(sender.platform, userId)}`;
    const userMs = this.#bucket(key, userMessagesPerMinute, userMessagesPerMinute).take();
    if (userMs > 0) throw tooFast(requestId, userMs, `User "${userId}"`);
  }

  #bucket(key: string, perMinute: number, burst: number): TokenBucket {
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      if (this.#buckets.size >= this.#sweepAt) this.#sweep();
      bucket = new TokenBucket({ burst, perSecond: perMinute / 60, now: this.#options.now });
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }

  /** Forgets who has been quiet: a full bucket says as much as none. */
  #sweep(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.full) this.#buckets.delete(key);
    // Those that are left speak just now; looking at them for each new one would cost too much.
    this.#sweepAt = Math.max(sweepAt, this.#buckets.size * 2);
  }
}

function tooFast(requestId: string, retryMs: number, who: string): GatewayError {
  const seconds = Math.ceil(retryMs / 1000);
  return new GatewayError(
    "rate_limited",
    `Cannot accept request "${requestId}": ${who} sends too many messages. Send it again in ` +
      `${seconds} s.`,
    { requestId, recoverable: true, details: { retry_after_ms: retryMs } },
  );
}
