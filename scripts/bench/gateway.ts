/** A gateway process with an operator's settings, but without rate limits. */

import {
  GatewayProcess,
  type GatewayProcessOptions,
} from "../../tests/support/process/gateway_process.ts";

/** Everything else is the default: the echo model, embedded memory, every commit synced to disk. */
const env = {
  CLARA_MEMORY: "auto",
  CLARA_MAX_ADAPTER_MESSAGES_PER_MINUTE: "1000000000",
  CLARA_MAX_USER_MESSAGES_PER_MINUTE: "1000000000",
  CLARA_MAX_CONNECTIONS: "20000",
};

export function startGateway(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
  return GatewayProcess.start({ ...options, env: { ...env, ...options.env } });
}
