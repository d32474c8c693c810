/** Checks the files that the configuration names: rules for tools, MCP servers, persona. Called by `doctor`. */

import { errorText } from "../../errors.ts";
import { McpConfigFile } from "../../tools/mcp/mcp_config.ts";
import { readToolsFile } from "../../tools/tools_file.ts";
import { type CheckContext, error, type Finding, ok, withoutConfig } from "./check.ts";

export async function checkFiles({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  const { toolsFile, mcpFile, personaFile } = config;
  return [
    ...await look(toolsFile, async () => `${(await readToolsFile(toolsFile)).length} rules`),
    ...await look(mcpFile, () => `${new McpConfigFile(mcpFile).read().size} servers`),
    ...personaFile ? await look(personaFile, () => size(personaFile)) : [],
  ];
}

async function look(
  path: string,
  read: () => string | Promise<string>,
): Promise<readonly Finding[]> {
  try {
    const found = await read();
    return ok(await isThere(path) ? `${path}: ${found}` : `${path}: not there, and need not be`);
  } catch (thrown) {
    return error(errorText(thrown));
  }
}

function size(path: string): string {
  return `${Deno.readTextFileSync(path).length} characters`;
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
