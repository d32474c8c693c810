/** A folder with a gateway's MCP files, and what a scripted model saw of their tools. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textOf } from "../llm/chat_request.ts";
import type { ChatRequest } from "../llm/chat_request.ts";
import { TempFolder } from "../process/temp_folder.ts";

const badServerPath = fileURLToPath(new URL("bad_mcp_server.ts", import.meta.url));

/** Entries of `mcpServers`. */
export type McpEntries = Readonly<Record<string, object>>;

/** A temporary folder with `mcp.json`, and `tools.yaml` if given. */
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

  /** The part of a gateway's configuration that points here. */
  get config(): { readonly mcpFile: string; readonly toolsFile: string } {
    return { mcpFile: this.mcpFile, toolsFile: this.toolsFile };
  }

  /** The current content of `mcp.json`. */
  read(): { readonly mcpServers: McpEntries; readonly [key: string]: unknown } {
    return JSON.parse(Deno.readTextFileSync(this.mcpFile));
  }

  /** The path of a file in the folder. */
  file(name: string): string {
    return join(this.path, name);
  }
}

/** The `mcp.json` entry of `bad_mcp_server.ts`, with `fields` added. */
export function badServer(mode = "good", fields: object = {}): object {
  const args = ["run", "--allow-all", "--no-config", "--no-lock", badServerPath, mode];
  return { command: Deno.execPath(), args, ...fields };
}

/** The results of the model's tool calls since the last user message, in order. */
export function toolResults({ messages }: ChatRequest): readonly string[] {
  const asked = messages.findLastIndex(({ role }) => role === "user");
  return messages.slice(asked).filter(({ role }) => role === "tool").map(textOf);
}

/** The names of the tools offered to the model. */
export function offeredTools({ tools }: ChatRequest): readonly string[] {
  return (tools ?? []).map((tool) => tool.function.name);
}
