/** A gateway in a process of its own, as an operator runs it, but for the limits of rates. */

import { GatewayProcess, type GatewayProcessOptions } from "../../tests/support/gateway_process.ts";

/** Everything else is as it comes: the echo model, the embedded memory, each commit on the disk. */
const env = {
  CLARA_MEMORY: "auto",
  CLARA_MAX_ADAPTER_MESSAGES_PER_MINUTE: "1000000000",
  CLARA_MAX_USER_MESSAGES_PER_MINUTE: "1000000000",
  CLARA_MAX_CONNECTIONS: "20000",
};

export function startGateway(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
  return GatewayProcess.start({ ...options, env: { ...env, ...options.env } });
}

/** Resident memory of a process, MiB. What `ps` says: Linux and macOS have it. */
export async function residentMb(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] })
    .output();
  return Number(new TextDecoder().decode(stdout)) / 1024;
}
