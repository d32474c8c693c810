/** What must be right before a gateway starts. Used by the gateway. */

import type { GatewayConfig } from "../config/gateway_config.ts";
import { ConfigError } from "../lib/config_error.ts";
import { isLoopback } from "../lib/loopback.ts";
import { defaultPersona } from "../context/persona.ts";

/** Refuses to serve strangers. @throws {ConfigError} where everybody on the network could use the gateway. */
export function assertSecretForPublicHost(
  { host, insecure }: GatewayConfig,
  { hasKeys }: { readonly hasKeys: boolean },
): void {
  if (isLoopback(host) || hasKeys || insecure) return;
  throw new ConfigError(
    `Cannot listen on "${host}" without a secret: everybody who reaches it could use the gateway. ` +
      "Set CLARA_GATEWAY_SECRET, listen on 127.0.0.1, or say --insecure.",
  );
}

/** Who the assistant is. @throws {ConfigError} when the file cannot be read. */
export function readPersona({ personaFile }: GatewayConfig): string {
  if (!personaFile) return defaultPersona;
  try {
    return Deno.readTextFileSync(personaFile);
  } catch (error) {
    throw new ConfigError(
      `Cannot read CLARA_PERSONA_FILE "${personaFile}": ${(error as Error).message}`,
      { cause: error },
    );
  }
}
