/**
 * Reads `tools.yaml`: the policy of the tools. Pure but for the reading; a wrong file stops the start
 * with file, line and key.
 */

import * as z from "zod";
import { parseYaml, readIfPresent } from "../lib/yaml.ts";
import { toolRisks } from "./tool.ts";
import { policyActions, type PolicyRule } from "./policy.ts";

const words = z.union([z.string(), z.array(z.string())])
  .transform((value) => typeof value === "string" ? [value] : value);
const risk = z.enum(toolRisks);

const rule = z.strictObject({
  action: z.enum(policyActions),
  tools: words.optional(),
  risk: z.union([risk, z.array(risk)]).transform((value) => [value].flat()).optional(),
  platform: words.optional(),
  channel: words.optional(),
  user: words.optional(),
});

const schema = z.strictObject({ rules: z.array(rule).default([]) });

/**
 * Parses the text of a `tools.yaml`.
 *
 * @param path names the file in errors.
 * @throws {ConfigError} with file, line, key and what was expected.
 */
export async function parseToolsFile(
  text: string,
  path: string,
): Promise<readonly PolicyRule[]> {
  return (await parseYaml(text, { schema, path })).rules.map(toRule);
}

/** Reads the file at `path`; no rules where there is none. @throws {ConfigError} as above. */
export async function readToolsFile(path: string): Promise<readonly PolicyRule[]> {
  const text = await readIfPresent(path);
  return text === undefined ? [] : await parseToolsFile(text, path);
}

function toRule(parsed: z.output<typeof rule>): PolicyRule {
  const { action, tools, risk: risks, platform, channel, user } = parsed;
  return { action, tools, risks, platforms: platform, channels: channel, users: user };
}
