/** Where the gateway is that a command talks to. */

import {
  type ChatConfig,
  type Flags,
  readChatConfig,
  readDaemonConfig,
} from "../../config/config.ts";
import { bypassProxy } from "./direct_way.ts";
import { reachable } from "./health.ts";
import { readPidFile } from "../daemon/pid_file.ts";

/** Where a gateway is looked for. */
export interface GatewayLocation extends Omit<ChatConfig, "named"> {
  /** Whether one must be there: its address was said, or its pid file says that it runs. */
  readonly expected: boolean;
}

/** Thrown where nobody listens, and nobody need. */
export class NotRunningError extends Error {
  override readonly name = "NotRunningError";
}

/** Thrown where a gateway should be and is not reached: nothing else must stand in for it. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** What to throw where nothing listens at a place. */
export function notReached(
  { url, expected }: Pick<GatewayLocation, "url" | "expected">,
  { why, cause }: { readonly why?: string; readonly cause?: unknown } = {},
): NotRunningError | UnreachableError {
  const { host } = new URL(url);
  const reason = why ? ` (${why})` : "";
  return expected
    ? new UnreachableError(`Cannot reach the gateway at ${host}${reason}`, { cause })
    : new NotRunningError(`No gateway runs at ${host}${reason}`, { cause });
}

/**
 * The address that was said; else the one at which the gateway of the data folder listens, which its pid
 * file has (its port may be any); else the one at which it would.
 *
 * @throws {ConfigError} as `readChatConfig`.
 */
export async function locateGateway(flags: Flags): Promise<GatewayLocation> {
  const place = await findPlace(flags);
  bypassProxy(new URL(place.url));
  return place;
}

async function findPlace(flags: Flags): Promise<GatewayLocation> {
  const { named, ...config } = readChatConfig(flags);
  if (named) return { ...config, expected: true };
  // A pid file that cannot be read belongs to another user, whose gateway may be at the usual address.
  const state = await readPidFile(readDaemonConfig(flags).pidFile).catch(() => undefined);
  if (state?.type !== "running") return { ...config, url: usual(config.url), expected: false };
  return { ...config, url: `ws://${reachable(state.note.address)}/ws`, expected: true };
}

function usual(url: string): string {
  const { host } = new URL(url);
  return url.replace(host, reachable(host));
}
