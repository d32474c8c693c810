/**
 * Keeps what is said to a gateway on this machine off the proxy of the environment: that would be told
 * the secret. Called before the first request or socket, since Deno reads the variables then.
 */

import { isLoopback } from "../../access/origin_policy.ts";

/** `no_proxy` is looked at only where there is no `NO_PROXY`. */
const names = ["NO_PROXY", "no_proxy"];

/** From now on a loopback host is reached without a proxy; others as the environment says. */
export function bypassProxy({ hostname }: URL): void {
  if (!isLoopback(hostname)) return;
  // An address of IPv6 is known to Deno without its brackets.
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  for (const name of names) {
    const hosts = Deno.env.get(name);
    Deno.env.set(name, hosts ? `${hosts},${host}` : host);
  }
}
