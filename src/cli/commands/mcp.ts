/**
 * The command `mcp`: lists and changes MCP servers, in a running gateway if there is one, else in the
 * file; shows their tools and calls one, with a server started for it.
 */

import { type Flags, readConfig } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import type { McpRequest, McpServerInfo } from "../../protocol/mcp_frames.ts";
import { handleMcpRequest, infoOf } from "../../server/mcp_request_handler.ts";
import { formatContent } from "../../tools/mcp/content.ts";
import { McpManager } from "../../tools/mcp/manager.ts";
import { askGateway } from "../client/gateway_client.ts";
import { locateGateway, NotRunningError } from "../client/locator.ts";
import { jsonText } from "../output.ts";

/** Installing may download a package. */
const timeoutMs = 180_000;

/** Runs the command; resolves with the exit code. @throws {ConfigError} for wrong usage. */
export async function mcp(args: readonly string[], flags: Flags): Promise<number> {
  try {
    return await run(args, flags);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // The gateway refused, did not answer, or went away.
    console.error(errorText(error));
    return 1;
  }
}

async function run(args: readonly string[], flags: Flags): Promise<number> {
  const [action, ...rest] = args;
  const requestId = crypto.randomUUID();
  const [first, second, third] = rest;
  const need = (value: string | undefined, what: string): string => {
    if (value !== undefined) return value;
    throw new ConfigError(`Missing: ${what}. clara-gateway mcp --help says more.`);
  };
  const server = () => ({ request_id: requestId, server_name: need(first, "the server's name") });
  switch (action) {
    case "list":
      return await list(flags, requestId);
    case "add": {
      const source = rest.length > 1 ? rest.map(quoted).join(" ") : need(first, "what to add");
      const name = flags.name ? String(flags.name) : undefined;
      return await change(flags, { type: "mcp_install", request_id: requestId, source, name });
    }
    case "remove":
      return await change(flags, { type: "mcp_uninstall", ...server() });
    case "enable":
    case "disable":
      return await change(flags, {
        type: "mcp_enable",
        ...server(),
        enabled: action === "enable",
      });
    case "restart":
      return await change(flags, { type: "mcp_restart", ...server() });
    case "tools":
      return await withManager(flags, (manager) => showTools(manager, first));
    case "call":
      return await withManager(
        flags,
        (manager) =>
          callTool(
            manager,
            need(first, "the server's name"),
            need(second, "the tool's name"),
            third,
          ),
      );
    default:
      throw new ConfigError(`Unknown: mcp ${action}. clara-gateway mcp --help says what there is.`);
  }
}

/** Asks the running gateway, or serves the frame here where none runs. */
async function ask(flags: Flags, frame: McpRequest): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await askGateway({ ...await locateGateway(flags), timeoutMs }, frame);
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    if (frame.type === "mcp_restart") throw new ConfigError(`${error.message}: nothing to restart`);
    return await withManager(flags, (manager) => handleMcpRequest(manager, frame));
  }
}

async function list(flags: Flags, request_id: string): Promise<number> {
  const answer = await ask(flags, { type: "mcp_list", request_id });
  const servers = answer.servers as readonly McpServerInfo[];
  if (flags.json) console.log(jsonText(servers));
  else if (servers.length === 0) console.log("There are no MCP servers.");
  else servers.forEach((server) => console.log(lineOf(server)));
  return answer.success ? 0 : 1;
}

async function change(flags: Flags, frame: McpRequest): Promise<number> {
  const answer = await ask(flags, frame);
  const name = answer.server_name ?? ("server_name" in frame ? frame.server_name : "");
  if (!answer.success) {
    console.error(name ? `${name}: ${answer.error}` : answer.error);
    return 1;
  }
  const done = {
    mcp_install: `added, with ${answer.tools_discovered} tools`,
    mcp_uninstall: "removed",
    mcp_enable: answer.enabled ? "enabled" : "disabled",
    mcp_restart: "restarted",
  };
  console.log(`${name}: ${done[frame.type as keyof typeof done]}`);
  return 0;
}

async function withManager<T>(flags: Flags, use: (manager: McpManager) => Promise<T>): Promise<T> {
  const { mcpFile, environment, childEnvironment, limits, toolTimeoutMs } = readConfig(flags);
  await using manager = new McpManager({
    path: mcpFile,
    environment,
    childEnvironment,
    maxMessageBytes: limits.mcpMessageBytes,
    callTimeoutMs: toolTimeoutMs,
  });
  return await use(manager);
}

async function showTools(manager: McpManager, name: string | undefined): Promise<number> {
  const servers = name === undefined ? manager.servers() : [manager.server(name)];
  await Promise.all(servers.map((server) => server.start()));
  let code = 0;
  for (const server of servers) {
    for (const tool of server.tools) {
      console.log(`${tool.name}  (${tool.risk})  ${tool.description.split("\n")[0]}`);
    }
    if (server.state !== "running") {
      console.error(lineOf(infoOf(server)));
      if (server.config.enabled) code = 1;
    }
  }
  return code;
}

async function callTool(
  manager: McpManager,
  name: string,
  tool: string,
  json = "{}",
): Promise<number> {
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch (error) {
    throw new ConfigError(`Cannot read the arguments: ${(error as Error).message}`);
  }
  const server = manager.server(name);
  if (!server.config.enabled) throw new ConfigError(`MCP server "${name}" is disabled`);
  try {
    const signal = AbortSignal.timeout(server.timeoutMs + server.config.startTimeoutSeconds * 1000);
    const result = await server.call(tool, input, { signal });
    const print = result.isError ? console.error : console.log;
    print(formatContent(result, ({ filename }) => console.error(`(${filename} is not shown)`)));
    return result.isError ? 1 : 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

function lineOf(
  { name, status, enabled, tool_count, transport, last_error }: McpServerInfo,
): string {
  const state = enabled ? status : "disabled";
  const tools = status === "running" ? `, ${tool_count} tools` : "";
  return `${name}: ${state}${tools} (${transport})${last_error ? `: ${last_error}` : ""}`;
}

/** A word of a command line, in quotes where it has spaces. */
function quoted(word: string): string {
  return /[\s'"]/.test(word) ? `'${word.replaceAll("'", `'"'"'`)}'` : word;
}
