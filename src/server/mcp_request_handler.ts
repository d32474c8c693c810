/** Handles the frames that manage MCP servers. */

import { ConfigError } from "../lib/config_error.ts";
import { errorText } from "../lib/error_text.ts";
import { logger } from "../logging/log.ts";
import type { McpRequest, McpResponse, McpServerInfo } from "../protocol/mcp_frames.ts";
import { sourceToEntry } from "../tools/mcp/install_source.ts";
import type { McpManager } from "../tools/mcp/manager.ts";
import type { McpServer } from "../tools/mcp/server.ts";

const log = logger("server", "mcp");
const audit = logger("admin", "audit");

/**
 * Handles a request and returns the answer. Never throws: errors are part of the answer.
 *
 * @param who sent the request, for the audit log.
 */
export async function handleMcpRequest(
  manager: McpManager,
  frame: McpRequest,
  who = "the command line",
): Promise<McpResponse> {
  const answer = await answerTo(manager, frame);
  if (frame.type === "mcp_list" || frame.type === "mcp_status") return answer;
  const name = "server_name" in answer ? answer.server_name : undefined;
  audit.info("{who}: {type} {server}, {outcome}", {
    who,
    type: frame.type,
    server: frame.type === "mcp_install" ? name ?? frame.name ?? "" : frame.server_name,
    outcome: answer.success ? "done" : "failed",
  });
  return answer;
}

async function answerTo(manager: McpManager, frame: McpRequest): Promise<McpResponse> {
  const { request_id } = frame;
  const done = { request_id, success: true, error: null };
  try {
    switch (frame.type) {
      case "mcp_list":
        return { ...done, type: "mcp_list_response", servers: manager.servers().map(infoOf) };
      case "mcp_status":
        return { ...done, type: "mcp_status_response", ...statusOf(manager, frame.server_name) };
      case "mcp_install": {
        // Do not log the source: command lines and URLs may contain secrets.
        const { name, entry } = sourceToEntry(frame.source);
        log.info("Installing MCP server {name} for {user} from {kind}", {
          name: frame.name ?? name,
          user: frame.requested_by ?? "an adapter",
          kind: sourceType(entry),
        });
        const server = await manager.install(frame.source, frame.name ?? undefined);
        return {
          ...done,
          type: "mcp_install_response",
          server_name: server.name,
          tools_discovered: server.tools.length,
        };
      }
      case "mcp_uninstall":
        await manager.uninstall(frame.server_name);
        return { ...done, type: "mcp_uninstall_response" };
      case "mcp_restart": {
        const server = await manager.restart(frame.server_name);
        return { ...done, ...outcomeOf(server), type: "mcp_restart_response" };
      }
      case "mcp_enable": {
        const { enabled } = frame;
        await manager.enable(frame.server_name, enabled);
        return { ...done, type: "mcp_enable_response", enabled };
      }
    }
  } catch (error) {
    return failureOf(frame, error);
  }
}

const statuses = {
  starting: "starting",
  running: "running",
  failed: "error",
  login_required: "error",
  stopped: "stopped",
  disabled: "stopped",
} as const satisfies Record<McpServer["state"], McpServerInfo["status"]>;

/** A server as shown to adapters. */
export function infoOf(server: McpServer): McpServerInfo {
  const { name, config, state, tools, lastError } = server;
  return {
    name,
    status: statuses[state],
    enabled: config.enabled,
    connected: state === "running",
    tool_count: tools.length,
    source_type: sourceType(config),
    transport: config.command !== undefined ? "stdio" : config.type === "sse" ? "sse" : "http",
    tools: tools.map((tool) => tool.name),
    last_error: lastError ?? null,
  };
}

function sourceType(
  { url, command }: { readonly url?: unknown; readonly command?: unknown },
): McpServerInfo["source_type"] {
  return url !== undefined ? "url" : command === "npx" ? "npm" : "command";
}

function statusOf(manager: McpManager, name: string | null | undefined) {
  const servers = manager.servers();
  return {
    server: name ? infoOf(manager.server(name)) : null,
    total_servers: servers.length,
    connected_servers: servers.filter(({ state }) => state === "running").length,
    enabled_servers: servers.filter(({ config }) => config.enabled).length,
  };
}

/** A server that fails to start stays installed and is retried, but the answer reports the failure. */
function outcomeOf({ state, lastError }: McpServer) {
  const success = state === "running" || state === "disabled";
  return { success, error: success ? null : lastError ?? state };
}

function failureOf(frame: McpRequest, thrown: unknown): McpResponse {
  if (!(thrown instanceof ConfigError)) {
    log.error("Cannot handle {type}: {error}", { type: frame.type, error: errorText(thrown) });
  }
  const error = thrown instanceof ConfigError
    ? thrown.message
    : "Internal error; see the gateway's log.";
  const failed = { request_id: frame.request_id, success: false, error };
  switch (frame.type) {
    case "mcp_list":
      return { ...failed, type: "mcp_list_response", servers: [] };
    case "mcp_status":
      return {
        ...failed,
        type: "mcp_status_response",
        server: null,
        total_servers: 0,
        connected_servers: 0,
        enabled_servers: 0,
      };
    case "mcp_install":
      return { ...failed, type: "mcp_install_response", server_name: null, tools_discovered: 0 };
    case "mcp_enable":
      return { ...failed, type: "mcp_enable_response", enabled: !frame.enabled };
    case "mcp_uninstall":
    case "mcp_restart":
      return { ...failed, type: `${frame.type}_response` };
  }
}
