/**
 * Who may use the admin interface: who knows the secret; where there is none, programs on this
 * machine, and no web page. Asked by the admin interface for each request.
 */

import { type Authenticator, bearerOf } from "./authenticator.ts";
import { originAllowed } from "./origin_policy.ts";

/** What an {@linkcode AdminGate} is given. */
export interface AdminGateOptions {
  readonly authenticator: Authenticator;
  /** Web origins that were configured. */
  readonly allowedOrigins: readonly string[];
}

/** How a request fares; with the name of the key that lets it in. */
export type AdminAccess =
  | { readonly type: "ok"; readonly who: string }
  | { readonly type: "forbidden" | "unauthorized" | "rate_limited" };

export class AdminGate {
  readonly #options: AdminGateOptions;

  constructor(options: AdminGateOptions) {
    this.#options = options;
  }

  /** Whether there is a secret to know. */
  get hasSecret(): boolean {
    return this.#options.authenticator.hasKeys;
  }

  /** @param address of the peer. */
  check(headers: Headers, address: string): AdminAccess {
    const { authenticator, allowedOrigins } = this.#options;
    if (!originAllowed(headers, { allowed: allowedOrigins })) return { type: "forbidden" };
    if (!authenticator.hasKeys) {
      const local = isLoopback(address) && isLocalHost(headers.get("host"));
      return local ? { type: "ok", who: "local" } : { type: "forbidden" };
    }
    const result = authenticator.check([bearerOf(headers)], { scope: "admin", address });
    return result.type === "ok" ? { type: "ok", who: result.key!.name } : { type: result.type };
  }
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\./.test(address);
}

/** A name other than localhost could be any site's that points here (DNS rebinding). */
function isLocalHost(host: string | null): boolean {
  return host !== null && /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(host);
}
