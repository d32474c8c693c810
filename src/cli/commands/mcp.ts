/**
 * The command `mcp`: manages MCP servers in the running gateway, or in the file if none is running; lists
 * their tools and calls one.
 */

import { type Flags, readConfig } from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { errorText } from "../../lib/error_text.ts";
import type { McpRequest, McpServerInfo } from "../../protocol/mcp_frames.ts";
import { handleMcpRequest, infoOf } from "../../server/mcp_request_handler.ts";
import { formatContent } from "../../tools/mcp/content.ts";
import { McpManager } from "../../tools/mcp/manager.ts";
import { type GatewayLocation, locateGateway, NotRunningError } from "../client/location.ts";
import { exchange } from "../client/websocket.ts";
import { jsonText } from "../output.ts";

/** Adding a server may download a package. */
const timeoutMs = 180_000;

/** Runs `mcp ACTION`. */
export async function mcp(flags: Flags, words: readonly string[]): Promise<number> {
  const [action, ...rest] = words;
  const [first, second, third] = rest;
  try {
    switch (action) {
      case "tools":
        return await withManager(readConfig(flags), (manager) => showTools(manager, first));
      case "call": {
        const name = required(first, "the server's name");
        const tool = required(second, "the tool's name");
        return await withManager(
          readConfig(flags),
          (manager) => callTool(manager, { name, tool, json: third }),
        );
      }
      case "login":
      case "logout": {
        const name = required(first, "the server's name");
        await withManager(readConfig(flags), async (manager) => {
          if (action === "login") await manager.logIn(name, { openPage });
          else if (!manager.logOut(name)) throw new ConfigError(`${name}: there is no login`);
        });
        console.log(`${name}: logged ${action === "login" ? "in" : "out"}`);
        return await restartIfRunning(flags, name);
      }
      case "list":
        return await list(await locateGateway(flags), { json: Boolean(flags.json) });
      default: {
        const frame = changeFrame(action!, rest, { name: flags.name?.toString() });
        return await change(await locateGateway(flags), frame);
      }
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // The gateway refused, did not answer or went away; or a server did.
    console.error(errorText(error));
    return 1;
  }
}

function required(value: string | undefined, what: string): string {
  if (value !== undefined) return value;
  throw new ConfigError(`Missing: ${what}; see clara-gateway mcp --help`);
}

/** The frame that asks for a change. */
function changeFrame(
  action: string,
  words: readonly string[],
  { name }: { readonly name: string | undefined },
): McpRequest {
  const request_id = crypto.randomUUID();
  if (action === "add") {
    const [first] = words;
    const source = words.length > 1 ? words.map(quote).join(" ") : required(first, "what to add");
    return { type: "mcp_install", request_id, source, name };
  }
  const server = { request_id, server_name: required(words[0], "the server's name") };
  if (action === "remove") return { type: "mcp_uninstall", ...server };
  if (action === "restart") return { type: "mcp_restart", ...server };
  return { type: "mcp_enable", ...server, enabled: action === "enable" };
}

/** Sends a frame to the running gateway; if none is running, handles it here. */
async function send(
  gateway: GatewayLocation,
  frame: McpRequest,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await exchange(frame, { ...gateway, timeoutMs });
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
    if (frame.type === "mcp_restart") throw new ConfigError(`${error.message}: nothing to restart`);
    return await withManager(
      gateway.localConfig(),
      (manager) => handleMcpRequest(manager, frame),
    );
  }
}

async function list(
  gateway: GatewayLocation,
  { json }: { readonly json: boolean },
): Promise<number> {
  const answer = await send(gateway, { type: "mcp_list", request_id: crypto.randomUUID() });
  const servers = answer.servers as readonly McpServerInfo[];
  if (json) console.log(jsonText(servers));
  else if (servers.length === 0) console.log("There are no MCP servers.");
  else servers.forEach((server) => console.log(describe(server)));
  return answer.success ? 0 : 1;
}

async function change(gateway: GatewayLocation, frame: McpRequest): Promise<number> {
  const answer = await send(gateway, frame);
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

/** Makes a running gateway use the new login. */
async function restartIfRunning(flags: Flags, server_name: string): Promise<number> {
  const frame = { type: "mcp_restart", request_id: crypto.randomUUID(), server_name } as const;
  try {
    const { success, error } = await exchange(frame, { ...await locateGateway(flags), timeoutMs });
    // Without a login, the server cannot start.
    if (!success && !String(error).startsWith("login required")) console.error(String(error));
  } catch (error) {
    if (!(error instanceof NotRunningError)) throw error;
  }
  return 0;
}

/** Shows the page on which the user agrees, in a browser if there is one. */
function openPage({ href }: URL): void {
  console.log(`Open this page to log in:\n\n  ${href}\n`);
  console.log("If the browser is on another machine, fetch the address it ends up at here (curl).");
  if (!Deno.stdout.isTerminal()) return;
  const commands = { darwin: ["open"], windows: ["rundll32", "url.dll,FileProtocolHandler"] };
  const [program = "", ...args] = commands[Deno.build.os as keyof typeof commands] ?? ["xdg-open"];
  try {
    new Deno.Command(program, { args: [...args, href], stdout: "null", stderr: "null" })
      .spawn().unref();
  } catch {
    // There is no browser; the address was printed.
  }
}

async function withManager<T>(
  config: GatewayConfig,
  use: (manager: McpManager) => Promise<T>,
): Promise<T> {
  await using manager = McpManager.fromConfig(config);
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
      console.error(describe(infoOf(server)));
      if (server.config.enabled) code = 1;
    }
  }
  return code;
}

interface ToolCall {
  /** The server's name. */
  readonly name: string;
  readonly tool: string;
  /** The arguments. Default: none. */
  readonly json: string | undefined;
}

async function callTool(
  manager: McpManager,
  { name, tool, json = "{}" }: ToolCall,
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
    // Whatever it is, the command was used correctly.
    console.error((error as Error).message);
    return 1;
  }
}

function describe(
  { name, status, enabled, tool_count, transport, last_error }: McpServerInfo,
): string {
  if (enabled && last_error?.startsWith("login required")) {
    return `${name}: ${last_error} (${transport})`;
  }
  const state = enabled ? status : "disabled";
  const tools = status === "running" ? `, ${tool_count} tools` : "";
  return `${name}: ${state}${tools} (${transport})${last_error ? `: ${last_error}` : ""}`;
}

/** Quotes a word of a command line if it contains spaces or quotes. */
function quote(word: string): string {
  return /[\s'"]/.test(word) ? `'${word.replaceAll("'", `'"'"'`)}'` : word;
}
