/** How often adapters may register. Asked by the conversation for each that may come in. */

import { GatewayError } from "../domain/errors.ts";
import { TokenBuckets } from "./token_buckets.ts";

/** Registrations of one adapter at once, and in the long run a second: it may lose its line often. */
const nodeBurst = 100;
const nodePerSecond = 1;

/** What {@linkcode RegistrationRates} are given. */
export interface RegistrationRatesOptions {
  /** Sockets that may be open at once: so many adapters may come back at once, from one address. */
  readonly connections: number;
  readonly now?: () => number;
}

/**
 * Each registration is a session, an event that hooks hear of, and a look for missed replies: an adapter
 * that comes back in a tight loop is slowed down, and so is an address that makes up ever new ones.
 */
export class RegistrationRates {
  readonly #nodes: TokenBuckets;
  readonly #addresses: TokenBuckets;

  constructor({ connections, now }: RegistrationRatesOptions) {
    this.#nodes = new TokenBuckets({ burst: nodeBurst, perSecond: nodePerSecond, now });
    const burst = Math.max(nodeBurst, connections);
    this.#addresses = new TokenBuckets({ burst, perSecond: burst / 10, now });
  }

  /** Counts a registration; gives why not yet, with `rate_limited` and when to try again. */
  take({ nodeId, address }: { readonly nodeId: string; readonly address: string }):
    | GatewayError
    | undefined {
    const nodeMs = this.#nodes.take(nodeId);
    if (nodeMs > 0) return tooOften(`adapter "${nodeId}" registers`, nodeMs);
    const addressMs = this.#addresses.take(address);
    if (addressMs > 0) return tooOften("adapters of your address register", addressMs);
  }
}

function tooOften(who: string, retryMs: number): GatewayError {
  return new GatewayError(
    "rate_limited",
    `Cannot register: ${who} too often. Connect again in ${Math.ceil(retryMs / 1000)} s.`,
    { recoverable: true, details: { retry_after_ms: retryMs } },
  );
}
