/** A gateway in a process of its own, as an operator runs it, but for the limits of rates. */

import {
  GatewayProcess,
  type GatewayProcessOptions,
} from "../../tests/support/process/gateway_process.ts";

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
