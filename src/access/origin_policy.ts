/**
 * From which web pages a browser may connect. Programs send no `Origin`; a page of some other site
 * must not reach a gateway that happens to run on its reader's machine.
 */

/** Whether a request's `Origin` is allowed: none, the gateway's own, or one that was configured. */
export function originAllowed(
  headers: Headers,
  options: { readonly allowed: readonly string[] },
): boolean {
  const origin = headers.get("origin");
  if (origin === null || options.allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { host, hostname } = new URL(origin);
  // A name other than localhost could be any site's that points here (DNS rebinding).
  return host === headers.get("host") && isAddressOrLocalhost(hostname);
}

function isAddressOrLocalhost(hostname: string): boolean {
  return hostname === "localhost" || /^[\d.]+$/.test(hostname) || hostname.startsWith("[");
}
