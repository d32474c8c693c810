/**
 * How the scopes of memories are told to mem0. A scope is a `run_id`: facts of different ones are
 * never merged there, and a search names those that may be seen.
 */

import type { Exchange } from "../../store/exchange_store.ts";
import type { MemoryView } from "../../store/memory_store.ts";

const open = "open";
const direct = "dm";

/** The scope of what is said in an exchange. */
export function scopeOf(
  { channelType, channelKey }: Pick<Exchange, "channelType" | "channelKey">,
): string {
  if (channelType === "dm") return direct;
  return channelType === undefined ? inChannel(channelKey) : open;
}

/** The scopes that a view may see; undefined for all of the user. */
export function scopesIn(
  { includePrivate, channelKey }: Pick<MemoryView, "includePrivate" | "channelKey">,
): readonly string[] | undefined {
  if (includePrivate) return undefined;
  return channelKey === undefined ? [open] : [open, inChannel(channelKey)];
}

/** Whether what mem0 gave may be seen, by the scope that it was stored with. */
export function isVisible(
  scope: string | undefined,
  scopes: readonly string[] | undefined,
): boolean {
  return scopes === undefined || (scope !== undefined && scopes.includes(scope));
}

/** Whether facts of a scope are private. */
export function isPrivateScope(scope: string | undefined): boolean {
  return scope !== open;
}

function inChannel(channelKey: string): string {
  return `channel:${channelKey}`;
}
