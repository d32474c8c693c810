/**
 * Who may use the admin interface: clients with a secret of scope admin. If there is no secret at all,
 * programs on this machine, but no web page.
 */

import { type Authenticator, bearerOf } from "./authenticator.ts";
import { originAllowed } from "./origin_policy.ts";

/** Options of an {@linkcode AdminGate}. */
export interface AdminGateOptions {
  readonly authenticator: Authenticator;
  /** Configured web origins. */
  readonly allowedOrigins: readonly string[];
}

/** The result of a check, with the name of the key that was used. */
export type AdminAccess =
  | { readonly type: "ok"; readonly who: string }
  | { readonly type: "forbidden" | "unauthorized" | "rate_limited" };

export class AdminGate {
  readonly #options: AdminGateOptions;

  constructor(options: AdminGateOptions) {
    this.#options = options;
  }

  /** Whether a secret is required. */
  get hasSecret(): boolean {
    return this.#options.authenticator.hasKeys;
  }

  /** Checks a request. @param address of the peer. */
  check(headers: Headers, address: string): AdminAccess {
    const { authenticator, allowedOrigins } = this.#options;
    if (!originAllowed(headers, { allowed: allowedOrigins })) return { type: "forbidden" };
    if (!authenticator.hasKeys) {
      const local = isLoopbackPeer(address) && isLocalHost(headers.get("host"));
      return local ? { type: "ok", who: "local" } : { type: "forbidden" };
    }
    const result = authenticator.check([bearerOf(headers)], { scope: "admin", address });
    return result.type === "ok" ? { type: "ok", who: result.key!.name } : { type: result.type };
  }
}

function isLoopbackPeer(address: string): boolean {
  return address === "::1" || /^(?:::ffff:)?127\./.test(address);
}

/** Any other name might belong to a site that resolves to this machine (DNS rebinding). */
function isLocalHost(host: string | null): boolean {
  return host !== null && /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(host);
}
