/** Finds the gateway that a command talks to. */

import {
  type ChatConfig,
  type Flags,
  readChatConfig,
  readConfig,
  readDaemonConfig,
} from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { isLoopback } from "../../access/origin_policy.ts";
import { CommandError } from "../command.ts";
import { readPidFile } from "../daemon/pid_file.ts";
import { connectAddress } from "./health.ts";

/** Everything that a command needs to reach a gateway, or to do without one. */
export interface GatewayLocation extends Omit<ChatConfig, "named" | "dataDir"> {
  /** Whether a gateway must be there: its address was given, or its PID file says that it is running. */
  readonly expected: boolean;
  /** Why no gateway may be asked: that of the given data folder is not running, and any other is not meant. */
  readonly absent?: string;
  /**
   * Reads the settings that a gateway started here would have, for commands that can do without one.
   *
   * @throws {ConfigError} as `readConfig`.
   */
  readonly localConfig: () => GatewayConfig;
}

/** No gateway is running, which may be fine: the command can use this machine's files. */
export class NotRunningError extends CommandError {
  override readonly name = "NotRunningError";
}

/** The gateway that must be there does not respond. The files of this machine may not be its files. */
export class UnreachableError extends CommandError {
  override readonly name = "UnreachableError";
}

/**
 * Finds the gateway: at the given address, else at the one in the PID file of the data folder, else at
 * the configured one.
 *
 * @throws {ConfigError} as `readChatConfig`.
 */
export async function locateGateway(flags: Flags): Promise<GatewayLocation> {
  const { named, dataDir, ...config } = readChatConfig(flags);
  // A PID file that cannot be read belongs to another user, whose gateway may be at the usual address.
  const state = named
    ? undefined
    : await readPidFile(readDaemonConfig(flags).pidFile).catch(() => undefined);
  const running = state?.type === "running" ? connectAddress(state.gateway.address) : undefined;
  const absent = state && !running && dataDir !== undefined
    ? `No gateway is running on the data folder ${dataDir}`
    : undefined;
  const url = named ? config.url : running ? `ws://${running}/ws` : withConnectAddress(config.url);
  bypassProxy(new URL(url));
  return {
    ...config,
    url,
    expected: named || running !== undefined,
    absent,
    localConfig: () => readConfig(flags),
  };
}

/** The error to throw if nothing responds at a location. */
export function unreachable(
  { url, expected, absent }: Pick<GatewayLocation, "url" | "expected" | "absent">,
  { why, cause }: { readonly why?: string; readonly cause?: unknown } = {},
): NotRunningError | UnreachableError {
  if (absent) return new NotRunningError(absent, { cause });
  const { host } = new URL(url);
  const reason = why ? ` (${why})` : "";
  return expected
    ? new UnreachableError(`Cannot reach the gateway at ${host}${reason}`, { cause })
    : new NotRunningError(`No gateway is running at ${host}${reason}`, { cause });
}

function withConnectAddress(url: string): string {
  const { host } = new URL(url);
  return url.replace(host, connectAddress(host));
}

/** Deno reads `no_proxy` only if `NO_PROXY` is not set. */
const noProxyNames = ["NO_PROXY", "no_proxy"];

/**
 * Reaches a gateway on this machine without the proxy of the environment, which would see the secret. Must
 * be called before the first request or socket, because Deno reads the variables then.
 */
function bypassProxy({ hostname }: URL): void {
  if (!isLoopback(hostname)) return;
  // Deno compares IPv6 addresses without their brackets.
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  for (const name of noProxyNames) {
    const hosts = Deno.env.get(name);
    Deno.env.set(name, hosts ? `${hosts},${host}` : host);
  }
}
