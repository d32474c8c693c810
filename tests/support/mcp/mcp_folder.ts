/**
 * A folder with the files that a gateway with MCP servers reads, and looks at their processes. Tests
 * of MCP servers start their gateways with it.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { textOf } from "../llm/chat_request.ts";
import type { ChatRequest } from "../llm/chat_request.ts";
import { within } from "../deadline.ts";
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

/** Whether a process is there; one that has ended but was not waited for is not. */
export async function isAlive(pid: number): Promise<boolean> {
  const ps = new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] });
  const stat = new TextDecoder().decode((await ps.output()).stdout).trim();
  return stat !== "" && !stat.startsWith("Z");
}

/** Resolves when a process is there no more. */
export async function gone(pid: number, timeoutMs = 10_000): Promise<void> {
  let late = false;
  const look = async () => {
    while (!late && await isAlive(pid));
  };
  try {
    await within(look(), { timeoutMs, what: `the end of process ${pid}` });
  } finally {
    late = true;
  }
}

/** Resolves when a file is there and has something in it; gives that. */
export async function written(path: string): Promise<string> {
  let late = false;
  const look = async () => {
    while (!late) {
      const text = await Deno.readTextFile(path).catch(() => "");
      if (text !== "") return text;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return "";
  };
  try {
    return await within(look(), { what: `something in ${path}` });
  } finally {
    late = true;
  }
}
