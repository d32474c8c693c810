/**
 * A folder with the files that a gateway with MCP servers reads, and looks at their processes. Tests
 * of MCP servers start their gateways with it.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textOf } from "../llm/chat_request.ts";
import type { ChatRequest } from "../llm/chat_request.ts";
import { TempFolder } from "../process/temp_folder.ts";

const badServerPath = fileURLToPath(new URL("bad_mcp_server.ts", import.meta.url));

/** Entries of `mcpServers`. */
export type McpEntries = Readonly<Record<string, object>>;

/** A temporary folder with an `mcp.json`, and a `tools.yaml` where one is given. */
export class McpFolder extends TempFolder {
  readonly mcpFile: string;
  readonly toolsFile: string;

  constructor(servers: McpEntries = {}, toolsYaml?: string) {
    super("clara_mcp_");
    this.mcpFile = join(this.path, "mcp.json");
    this.toolsFile = join(this.path, "tools.yaml");
    Deno.writeTextFileSync(this.mcpFile, JSON.stringify({ mcpServers: servers }));
    if (toolsYaml !== undefined) Deno.writeTextFileSync(this.toolsFile, toolsYaml);
  }

  /** What a gateway's configuration needs to know of it. */
  get config(): { readonly mcpFile: string; readonly toolsFile: string } {
    return { mcpFile: this.mcpFile, toolsFile: this.toolsFile };
  }

  /** What stands in `mcp.json` now. */
  read(): { readonly mcpServers: McpEntries; readonly [key: string]: unknown } {
    return JSON.parse(Deno.readTextFileSync(this.mcpFile));
  }

  /** The path of a file in it. */
  file(name: string): string {
    return join(this.path, name);
  }
}

/** An entry for `bad_mcp_server.ts`; `fields` are added to it. */
export function badServer(mode = "good", fields: object = {}): object {
  const args = ["run", "--allow-all", "--no-config", "--no-lock", badServerPath, mode];
  return { command: Deno.execPath(), args, ...fields };
}

/** What the model was told of its calls since the user's last message, in order. */
export function toolTexts({ messages }: ChatRequest): readonly string[] {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  return messages.slice(asked).filter(({ role }) => role === "tool").map(textOf);
}

/** The names of the tools that the model was offered. */
export function offered({ tools }: ChatRequest): readonly string[] {
  return (tools ?? []).map((tool) => tool.function.name);
}
