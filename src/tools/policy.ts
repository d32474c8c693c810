/** Decides who may use which tool. The rules come from `tools.yaml`; the first match wins. */

import * as z from "zod";
import { matchesGlob } from "../lib/glob.ts";
import { readTextFile } from "../lib/files.ts";
import { parseYaml } from "../lib/yaml.ts";
import { type Tool, type ToolContext, type ToolRisk, toolRisks } from "./tool.ts";

/** `ask` runs the tool if a person approves; a denied tool is not offered to the model. */
export const policyActions = ["allow", "ask", "deny"] as const;
export type PolicyAction = typeof policyActions[number];

/** One rule. A missing condition matches everything. */
export interface PolicyRule {
  readonly action: PolicyAction;
  /** Names; `*` matches any characters. */
  readonly tools?: readonly string[];
  readonly risks?: readonly ToolRisk[];
  readonly platforms?: readonly string[];
  readonly channels?: readonly string[];
  readonly users?: readonly string[];
}

/** The rules that follow those of the file. */
export const defaultRules: readonly PolicyRule[] = [
  { action: "allow", risks: ["read"] },
  { action: "allow", tools: ["remember", "schedule_reminder", "cancel_reminder"] },
  // The operator configured the MCP servers.
  { action: "allow", tools: ["*__*"] },
  { action: "deny" },
];

/** The part of a tool's context that rules refer to. */
export type PolicyContext = Pick<ToolContext, "platform" | "channelId" | "userId">;

export class ToolPolicy {
  readonly #rules: readonly PolicyRule[];

  /** @param rules come before the default ones. */
  constructor(rules: readonly PolicyRule[] = []) {
    this.#rules = [...rules, ...defaultRules];
  }

  decide(tool: Pick<Tool, "name" | "risk">, context: PolicyContext): PolicyAction {
    return this.#rules.find((rule) => matches(rule, tool, context))?.action ?? "deny";
  }
}

function matches(
  rule: PolicyRule,
  tool: Pick<Tool, "name" | "risk">,
  context: PolicyContext,
): boolean {
  return (rule.tools?.some((pattern) => matchesGlob(pattern, tool.name)) ?? true) &&
    (rule.risks?.includes(tool.risk) ?? true) &&
    (rule.platforms?.includes(context.platform) ?? true) &&
    (rule.channels?.includes(context.channelId) ?? true) &&
    (rule.users?.includes(context.userId) ?? true);
}

const names = z.union([z.string(), z.array(z.string())])
  .transform((value) => typeof value === "string" ? [value] : value);
const risk = z.enum(toolRisks);

const ruleSchema = z.strictObject({
  action: z.enum(policyActions),
  tools: names.optional(),
  risk: z.union([risk, z.array(risk)]).transform((value) => [value].flat()).optional(),
  platform: names.optional(),
  channel: names.optional(),
  user: names.optional(),
});

const fileSchema = z.strictObject({ rules: z.array(ruleSchema).default([]) });

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
  return (await parseYaml(text, { schema: fileSchema, path })).rules.map(toRule);
}

/** Reads the file at `path`; no file means no rules. @throws {ConfigError} if it is invalid. */
export async function readToolsFile(path: string): Promise<readonly PolicyRule[]> {
  const text = await readTextFile(path);
  return text === undefined ? [] : await parseToolsFile(text, path);
}

function toRule(parsed: z.output<typeof ruleSchema>): PolicyRule {
  const { action, tools, risk: risks, platform, channel, user } = parsed;
  return { action, tools, risks, platforms: platform, channels: channel, users: user };
}
