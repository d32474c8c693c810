/** Where the gateway is that a command talks to. */

import { type ChatConfig, type Flags, readChatConfig, readDaemonConfig } from "../config.ts";
import { reachable } from "./gateway_health.ts";
import { readPidFile } from "./pid_file.ts";

/**
 * The address that was said; else the one at which the gateway of the data folder listens, which its pid
 * file has (its port may be any); else the one at which it would.
 *
 * @throws {ConfigError} as `readChatConfig`.
 */
export async function gatewayPlace(flags: Flags): Promise<ChatConfig> {
  const config = readChatConfig(flags);
  if (config.named) return config;
  // A pid file that cannot be read belongs to another user, whose gateway may be at the usual address.
  const state = await readPidFile(readDaemonConfig(flags).pidFile).catch(() => undefined);
  if (state?.type !== "running") return { ...config, url: usual(config.url) };
  return { ...config, url: `ws://${reachable(state.note.address)}/ws` };
}

function usual(url: string): string {
  const { host } = new URL(url);
  return url.replace(host, reachable(host));
}
