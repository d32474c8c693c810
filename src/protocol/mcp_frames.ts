/**
 * Zod schemas of the frames that manage MCP servers: requests of an adapter, and their answers. They are
 * the same in both dialects. As in the Python system, absent fields of an answer are `null`.
 */

import * as z from "zod";
import { id } from "./clara1.ts";

const request = { request_id: id };
const server = { server_name: z.string().min(1).max(64) };

/** Requests, by `type`. */
export const mcpRequests = {
  mcp_list: z.object({ type: z.literal("mcp_list"), ...request }),
  mcp_install: z.object({
    type: z.literal("mcp_install"),
    ...request,
    /** An npm package, a command line or a URL. */
    source: z.string().min(1).max(4096),
    name: z.string().min(1).max(64).nullish(),
    requested_by: z.string().nullish(),
  }),
  mcp_uninstall: z.object({ type: z.literal("mcp_uninstall"), ...request, ...server }),
  mcp_status: z.object({
    type: z.literal("mcp_status"),
    ...request,
    server_name: z.string().min(1).max(64).nullish(),
  }),
  mcp_restart: z.object({ type: z.literal("mcp_restart"), ...request, ...server }),
  mcp_enable: z.object({
    type: z.literal("mcp_enable"),
    ...request,
    ...server,
    enabled: z.boolean(),
  }),
} as const;

const serverInfo = z.object({
  name: z.string(),
  status: z.enum(["running", "starting", "stopped", "error"]),
  enabled: z.boolean(),
  connected: z.boolean(),
  tool_count: z.number().int(),
  source_type: z.enum(["npm", "command", "url"]),
  transport: z.enum(["stdio", "http", "sse"]),
  tools: z.array(z.string()),
  last_error: z.string().nullable(),
});

const answer = { request_id: id, success: z.boolean(), error: z.string().nullable() };

/** Answers, by `type`. */
export const mcpResponses = {
  mcp_list_response: z.object({
    type: z.literal("mcp_list_response"),
    ...answer,
    servers: z.array(serverInfo),
  }),
  mcp_install_response: z.object({
    type: z.literal("mcp_install_response"),
    ...answer,
    server_name: z.string().nullable(),
    tools_discovered: z.number().int(),
  }),
  mcp_uninstall_response: z.object({ type: z.literal("mcp_uninstall_response"), ...answer }),
  mcp_status_response: z.object({
    type: z.literal("mcp_status_response"),
    ...answer,
    server: serverInfo.nullable(),
    total_servers: z.number().int(),
    connected_servers: z.number().int(),
    enabled_servers: z.number().int(),
  }),
  mcp_restart_response: z.object({ type: z.literal("mcp_restart_response"), ...answer }),
  mcp_enable_response: z.object({
    type: z.literal("mcp_enable_response"),
    ...answer,
    enabled: z.boolean(),
  }),
} as const;

/** Any request. */
export type McpRequest = {
  [Type in keyof typeof mcpRequests]: z.output<typeof mcpRequests[Type]>;
}[keyof typeof mcpRequests];

/** Any answer. */
export type McpResponse = {
  [Type in keyof typeof mcpResponses]: z.output<typeof mcpResponses[Type]>;
}[keyof typeof mcpResponses];

/** A server as shown to adapters. */
export type McpServerInfo = z.output<typeof serverInfo>;
