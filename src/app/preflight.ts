/** What must be valid before a gateway is wired: secrets, persona, tool policy, models, store. */

import { isLoopback } from "../access/origin_policy.ts";
import { Secrets } from "../access/secrets.ts";
import type { GatewayConfig } from "../config/gateway_config.ts";
import { defaultPersona } from "../context/builder.ts";
import { ConfigError } from "../lib/config_error.ts";
import type { ModelCatalog } from "../llm/catalog.ts";
import { readModels } from "../llm/models_file.ts";
import { logger } from "../logging/log.ts";
import { openStore } from "../store/open_store.ts";
import type { Store } from "../store/store.ts";
import { readToolsFile, ToolPolicy } from "../tools/policy.ts";

const log = logger("app");

/** What a gateway is built on. */
export interface Foundations {
  readonly secrets: Secrets;
  readonly persona: string;
  readonly policy: ToolPolicy;
  /** Undefined if none are configured: then the echo model answers. */
  readonly models?: ModelCatalog;
  readonly store: Store;
}

/**
 * Reads the configuration files and opens the store.
 *
 * @throws {ConfigError | StoreError} if something is missing or invalid.
 */
export async function loadFoundations(config: GatewayConfig): Promise<Foundations> {
  warnOfFileLimit(config.limits.connections, maxOpenFiles());
  const secrets = await Secrets.load(config);
  assertSecretForPublicHost(config, secrets.authenticator);
  const persona = readPersona(config);
  const rules = await readToolsFile(config.toolsFile);
  if (rules.length > 0) {
    log.info("Tool rules: {count}, from {path}", { count: rules.length, path: config.toolsFile });
  }
  const policy = new ToolPolicy(rules);
  const models = await readModels(config);
  const store = await openStore({ dataDir: config.dataDir, sync: config.storeSync });
  return { secrets, persona, policy, models, store };
}

/** Files other than adapters' sockets: the store, logs, models, MCP servers, commands. */
const reservedFiles = 128;

/** Warns if the process may not open as many sockets as the settings allow. */
function warnOfFileLimit(connections: number, maxFiles: number | undefined): void {
  if (maxFiles === undefined || connections + reservedFiles <= maxFiles) return;
  log.warn(
    "CLARA_MAX_CONNECTIONS is {connections}, but this process may open only {maxFiles} files. Raise the limit " +
      "(ulimit -n, or LimitNOFILE in the systemd unit) or lower the setting to {fitting}.",
    { connections, maxFiles, fitting: Math.max(maxFiles - reservedFiles, 1) },
  );
}

/** Refuses to let everybody on the network in. @throws {ConfigError} if there is no secret. */
export function assertSecretForPublicHost(
  { host, insecure }: GatewayConfig,
  { hasKeys }: { readonly hasKeys: boolean },
): void {
  if (isLoopback(host) || hasKeys || insecure) return;
  throw new ConfigError(
    `Cannot listen on "${host}" without a secret: everybody who can reach it could use the gateway. ` +
      "Set CLARA_GATEWAY_SECRET, listen on 127.0.0.1, or pass --insecure.",
  );
}

/** The system prompt: who the assistant is. */
function readPersona({ personaFile }: GatewayConfig): string {
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

/** Returns how many files this process may have open, or `undefined` if unlimited or unknown. Linux only. */
export function maxOpenFiles(): number | undefined {
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
