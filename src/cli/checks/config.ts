/** Checks the settings and the files that they name. */

import { join } from "node:path";
import { parseSecretsFile, Secrets } from "../../access/secrets.ts";
import { assertSecretForPublicHost } from "../../app/preflight.ts";
import { parseHooksFile } from "../../automation/hooks/file.ts";
import { parseSchedulerFile } from "../../automation/scheduler/file.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { misnamedFiles, reportSettings, unknownNames } from "../../config/report.ts";
import { errorText } from "../../lib/error_text.ts";
import { fileExists, readTextFile } from "../../lib/files.ts";
import { modelsOf } from "../../llm/catalog.ts";
import { readModels } from "../../llm/models_file.ts";
import { McpConfigFile } from "../../tools/mcp/config_file.ts";
import { readToolsFile } from "../../tools/policy.ts";
import { type CheckContext, error, type Finding, ok, warning, withoutConfig } from "./check.ts";

/** Finds invalid, unknown and unsafe settings. */
export async function checkConfig(
  { sources, config, configErrors }: CheckContext,
): Promise<readonly Finding[]> {
  const reports = reportSettings(sources);
  const set = reports.filter(({ from }) => from !== "default").length;
  const findings = [
    ...(configErrors?.split("\n") ?? []).flatMap(error),
    ...unknownNames(sources).flatMap(warning),
  ];
  const hasKeys = config === undefined || await hasSecrets(config);
  try {
    if (config) assertSecretForPublicHost(config, { hasKeys });
  } catch (thrown) {
    findings.push(...error(errorText(thrown)));
  }
  if (config?.insecure && !hasKeys) {
    findings.push(...warning("CLARA_INSECURE: everybody who reaches the port can use the gateway"));
  }
  if (findings.length > 0) return findings;
  const { dotEnvPath } = sources;
  return ok(`${set} of ${reports.length} settings are set${dotEnvPath ? `, ${dotEnvPath}` : ""}`);
}

/** Whether a secret is required of adapters. The check of files reports an invalid file of secrets. */
async function hasSecrets(config: GatewayConfig): Promise<boolean> {
  try {
    await using secrets = await Secrets.load(config);
    return secrets.authenticator.hasKeys;
  } catch {
    return true;
  }
}

/** Parses the configured files: secrets, models, tools, MCP servers, hooks, tasks, the persona. */
export async function checkFiles({ config }: CheckContext): Promise<readonly Finding[]> {
  if (!config) return withoutConfig;
  const { secretsFile, modelsFile, toolsFile, mcpFile, personaFile, environment } = config;
  const hooksFile = join(config.hooksDir, "hooks.yaml");
  const schedulerFile = join(config.schedulerDir, "scheduler.yaml");
  return [
    ...misnamedFiles(config).flatMap(warning),
    ...await checkFile(secretsFile, async () => {
      const text = await readOrEmpty(secretsFile);
      return `${(await parseSecretsFile(text, { path: secretsFile, environment })).length} secrets`;
    }),
    ...await checkFile(modelsFile, async () => {
      return `${modelsOf(await readModels(config)).length} models`;
    }),
    ...await checkFile(toolsFile, async () => `${(await readToolsFile(toolsFile)).length} rules`),
    ...await checkFile(mcpFile, () => `${new McpConfigFile(mcpFile).read().size} servers`),
    ...await checkFile(hooksFile, async () => {
      return `${(await parseHooksFile(await readOrEmpty(hooksFile), hooksFile)).length} hooks`;
    }),
    ...await checkFile(schedulerFile, async () => {
      const text = await readOrEmpty(schedulerFile);
      return `${(await parseSchedulerFile(text, schedulerFile)).length} tasks`;
    }),
    ...personaFile
      ? await checkFile(personaFile, () => {
        return `${Deno.readTextFileSync(personaFile).length} characters`;
      })
      : [],
  ];
}

async function checkFile(
  path: string,
  describe: () => string | Promise<string>,
): Promise<readonly Finding[]> {
  try {
    const description = await describe();
    return ok(`${path}: ${fileExists(path) ? description : "does not exist, which is fine"}`);
  } catch (thrown) {
    return error(errorText(thrown));
  }
}

async function readOrEmpty(path: string): Promise<string> {
  return await readTextFile(path) ?? "";
}
