/** How often adapters and users may speak. Asked by the conversation for each message. */

import { GatewayError } from "../domain/errors.ts";
import { platformKey } from "../domain/keys.ts";
import { TokenBuckets } from "./token_buckets.ts";

/** What {@linkcode MessageRates} are given. */
export interface MessageRatesOptions {
  /** Messages of one user in a minute, over all adapters; as many may come at once. */
  readonly userMessagesPerMinute: number;
  /** Messages of one adapter in a minute; a sixth of them may come at once. */
  readonly adapterMessagesPerMinute: number;
  readonly now?: () => number;
}

export class MessageRates {
  readonly #users: TokenBuckets;
  readonly #adapters: TokenBuckets;

  constructor({ userMessagesPerMinute, adapterMessagesPerMinute, now }: MessageRatesOptions) {
    this.#users = new TokenBuckets({
      burst: userMessagesPerMinute,
      perSecond: userMessagesPerMinute / 60,
      now,
    });
    this.#adapters = new TokenBuckets({
      burst: Math.max(1, adapterMessagesPerMinute / 6),
      perSecond: adapterMessagesPerMinute / 60,
      now,
    });
  }

  /** Counts a message. @throws {GatewayError} `rate_limited`, with when to try again. */
  take(
    sender: { readonly nodeId: string; readonly platform: string },
    message: { readonly requestId: string; readonly userId: string },
  ): void {
    const { requestId, userId } = message;
    const adapterMs = this.#adapters.take(sender.nodeId);
    if (adapterMs > 0) throw tooFast(requestId, adapterMs, `Adapter "${sender.nodeId}"`);
    const userMs = this.#users.take(platformKey(sender.platform, userId));
    if (userMs > 0) throw tooFast(requestId, userMs, `User "${userId}"`);
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
