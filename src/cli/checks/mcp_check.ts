/** Checks that the MCP servers start, each of its own, and stops them again. Called by `doctor`. */

import { infoOf } from "../../server/mcp_request_handler.ts";
import { McpManager } from "../../tools/mcp/manager.ts";
import { type CheckContext, error, type Finding, ok, withoutConfig } from "./check.ts";

export async function checkMcp({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  await using manager = new McpManager({
    path: config.mcpFile,
    environment: config.environment,
    childEnvironment: config.childEnvironment,
    maxMessageBytes: config.limits.mcpMessageBytes,
    callTimeoutMs: config.toolTimeoutMs,
  });
  const servers = manager.servers();
  await Promise.all(servers.map((server) => server.start()));
  if (servers.length === 0) return ok("there are no servers");
  return servers.flatMap((server) => {
    const { name, enabled, status, tool_count, last_error } = infoOf(server);
    if (!enabled) return ok(`${name} is disabled`);
    if (status === "running") return ok(`${name} starts, with ${tool_count} tools`);
    return error(`${name} does not start: ${last_error ?? status}`);
  });
}
