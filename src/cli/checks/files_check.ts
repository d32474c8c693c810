/**
 * Checks the files that the configuration names: of secrets, models, tools, MCP servers, hooks, tasks,
 * the persona.
 * Called by `doctor`.
 */

import { join } from "node:path";
import { parseSecretsFile } from "../../access/secrets.ts";
import { errorText } from "../../lib/error_text.ts";
import { parseHooksFile } from "../../automation/hooks/file.ts";
import { modelsOf } from "../../llm/catalog.ts";
import { readModels } from "../../llm/models_file.ts";
import { parseSchedulerFile } from "../../automation/scheduler/file.ts";
import { McpConfigFile } from "../../tools/mcp/config_file.ts";
import { readToolsFile } from "../../tools/tools_file.ts";
import { readIfPresent } from "../../lib/yaml.ts";
import { type CheckContext, error, type Finding, ok, withoutConfig } from "./check.ts";

export async function checkFiles({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  const { secretsFile, modelsFile, toolsFile, mcpFile, personaFile } = config;
  const hooksFile = join(config.hooksDir, "hooks.yaml");
  const schedulerFile = join(config.schedulerDir, "scheduler.yaml");
  return [
    ...await look(secretsFile, async () => {
      const options = { path: secretsFile, environment: config.environment };
      const keys = await parseSecretsFile(await readOrNothing(secretsFile), options);
      return `${keys.length} secrets`;
    }),
    ...await look(modelsFile, async () => `${modelsOf(await readModels(config)).length} models`),
    ...await look(toolsFile, async () => `${(await readToolsFile(toolsFile)).length} rules`),
    ...await look(mcpFile, () => `${new McpConfigFile(mcpFile).read().size} servers`),
    ...await look(hooksFile, async () => {
      return `${(await parseHooksFile(await readOrNothing(hooksFile), hooksFile)).length} hooks`;
    }),
    ...await look(schedulerFile, async () => {
      const text = await readOrNothing(schedulerFile);
      return `${(await parseSchedulerFile(text, schedulerFile)).length} tasks`;
    }),
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

async function readOrNothing(path: string): Promise<string> {
  return await readIfPresent(path) ?? "";
}

function size(path: string): string {
  return `${Deno.readTextFileSync(path).length} characters`;
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
