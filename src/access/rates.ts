/** How often adapters and users may send messages, and how often adapters may register. */

import { GatewayError } from "../domain/errors.ts";
import { platformKey } from "../domain/keys.ts";
import { TokenBuckets } from "./token_bucket.ts";

/** Options of {@linkcode MessageRates}. */
export interface MessageRatesOptions {
  /** Messages per user and minute, over all adapters; all of them may arrive at once. */
  readonly userMessagesPerMinute: number;
  /** Messages per adapter and minute; a sixth of them may arrive at once. */
  readonly adapterMessagesPerMinute: number;
  readonly now?: () => number;
}

/** Options of {@linkcode RegistrationRates}. */
export interface RegistrationRatesOptions {
  /** Sockets that may be open at once: all adapters may reconnect at once, from one address. */
  readonly connections: number;
  readonly now?: () => number;
}

/** Registrations of one adapter at once, and per second in the long run: connections may flap. */
const nodeBurst = 100;
const nodePerSecond = 1;

/** Limits messages. */
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

  /** Counts a message. @throws {GatewayError} `rate_limited`, with the time to wait. */
  take(
    sender: { readonly nodeId: string; readonly platform: string },
    message: { readonly requestId: string; readonly userId: string },
  ): void {
    const { requestId, userId } = message;
    const adapterMs = this.#adapters.take(sender.nodeId);
    if (adapterMs > 0) throw tooManyMessages(requestId, adapterMs, `Adapter "${sender.nodeId}"`);
    const userMs = this.#users.take(platformKey(sender.platform, userId));
    if (userMs > 0) throw tooManyMessages(requestId, userMs, `User "${userId}"`);
  }
}

/**
 * Limits registrations. Each one opens a session, emits an event and looks for missed replies, so an
 * adapter that reconnects in a tight loop is slowed down, as is an address that invents node ids.
 */
export class RegistrationRates {
  readonly #nodes: TokenBuckets;
  readonly #addresses: TokenBuckets;

  constructor({ connections, now }: RegistrationRatesOptions) {
    this.#nodes = new TokenBuckets({ burst: nodeBurst, perSecond: nodePerSecond, now });
    const burst = Math.max(nodeBurst, connections);
    this.#addresses = new TokenBuckets({ burst, perSecond: burst / 10, now });
  }

  /** Counts a registration. Returns a `rate_limited` error with the time to wait, if there are too many. */
  take({ nodeId, address }: { readonly nodeId: string; readonly address: string }):
    | GatewayError
    | undefined {
    const nodeMs = this.#nodes.take(nodeId);
    if (nodeMs > 0) return tooManyRegistrations(`adapter "${nodeId}" registers`, nodeMs);
    const addressMs = this.#addresses.take(address);
    if (addressMs > 0) return tooManyRegistrations("adapters of your address register", addressMs);
  }
}

function tooManyMessages(requestId: string, retryMs: number, who: string): GatewayError {
  const seconds = Math.ceil(retryMs / 1000);
  return new GatewayError(
    "rate_limited",
    `Cannot accept request "${requestId}": ${who} sends too many messages. Send it again in ` +
      `${seconds} s.`,
    { requestId, recoverable: true, details: { retry_after_ms: retryMs } },
  );
}

function tooManyRegistrations(who: string, retryMs: number): GatewayError {
  return new GatewayError(
    "rate_limited",
    `Cannot register: ${who} too often. Connect again in ${Math.ceil(retryMs / 1000)} s.`,
    { recoverable: true, details: { retry_after_ms: retryMs } },
  );
}
