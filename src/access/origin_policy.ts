/** Which hosts are local, and from which web pages a browser may connect. */

/** Whether a host, as written in settings and URLs, is reached over the loopback interface. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[?::1\]?)$/.test(host);
}

/**
 * Whether a request's `Origin` is allowed: none (programs send none), the gateway's own, or a configured
 * one. Other sites must not reach a gateway that happens to run on a visitor's machine.
 */
export function originAllowed(
  headers: Headers,
  options: { readonly allowed: readonly string[] },
): boolean {
  const origin = headers.get("origin");
  if (origin === null || options.allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { host, hostname } = new URL(origin);
  // Any other name might belong to a site that resolves to this machine (DNS rebinding).
  return host === headers.get("host") && isAddressOrLocalhost(hostname);
}

function isAddressOrLocalhost(hostname: string): boolean {
  return hostname === "localhost" || /^[\d.]+$/.test(hostname) || hostname.startsWith("[");
}
