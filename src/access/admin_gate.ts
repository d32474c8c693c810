/**
 * Who may use the admin interface: who knows the secret; where there is none, programs on this
 * machine, and no web page. Asked by the admin interface for each request.
 */

import { type Authenticator, type AuthResult, bearerOf } from "./authenticator.ts";
import { originAllowed } from "./origin_policy.ts";

/** What an {@linkcode AdminGate} is given. */
export interface AdminGateOptions {
  readonly authenticator: Authenticator;
  /** Web origins that were configured. */
  readonly allowedOrigins: readonly string[];
}

/** How a request fares. */
export type AdminAccess = AuthResult | "forbidden";

export class AdminGate {
  readonly #options: AdminGateOptions;

  constructor(options: AdminGateOptions) {
    this.#options = options;
  }

  /** Whether there is a secret to know. */
  get hasSecret(): boolean {
    return this.#options.authenticator.hasSecret;
  }

  /** @param address of the peer. */
  check(headers: Headers, address: string): AdminAccess {
    const { authenticator, allowedOrigins } = this.#options;
    if (!originAllowed(headers, { allowed: allowedOrigins })) return "forbidden";
    if (authenticator.hasSecret) return authenticator.check([bearerOf(headers)], address);
    return isLoopback(address) && isLocalHost(headers.get("host")) ? "ok" : "forbidden";
  }
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\./.test(address);
}

/** A name other than localhost could be any site's that points here (DNS rebinding). */
function isLocalHost(host: string | null): boolean {
  return host !== null && /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(host);
}
