/**
 * Which tools are offered to whom: rules, the first that fits decides. Pure; `tools_file.ts` reads
 * the rules from YAML, the executor asks.
 */

import { matchesGlob } from "../lib/glob.ts";
import type { Tool, ToolContext, ToolRisk } from "./tool.ts";

/** What a rule says: the tool may run, may run when a person agrees, or is not there. */
export const policyActions = ["allow", "ask", "deny"] as const;
export type PolicyAction = typeof policyActions[number];

/** One rule. A condition that is missing fits everything. */
export interface PolicyRule {
  readonly action: PolicyAction;
  /** Names, with `*` for any characters. */
  readonly tools?: readonly string[];
  readonly risks?: readonly ToolRisk[];
  readonly platforms?: readonly string[];
  readonly channels?: readonly string[];
  readonly users?: readonly string[];
}

/** The rules that hold where the configuration says nothing. */
export const defaultRules: readonly PolicyRule[] = [
  { action: "allow", risks: ["read"] },
  { action: "allow", tools: ["remember", "schedule_reminder", "cancel_reminder"] },
  // An MCP server is there because the operator configured it.
  { action: "allow", tools: ["*__*"] },
  { action: "deny" },
];

/** Where a tool would run. */
export type PolicyContext = Pick<ToolContext, "platform" | "channelId" | "userId">;

export class ToolPolicy {
  readonly #rules: readonly PolicyRule[];

  /** @param rules those of the configuration; the default ones follow them. */
  constructor(rules: readonly PolicyRule[] = []) {
    this.#rules = [...rules, ...defaultRules];
  }

  decide(tool: Pick<Tool, "name" | "risk">, context: PolicyContext): PolicyAction {
    return this.#rules.find((rule) => fits(rule, tool, context))?.action ?? "deny";
  }
}

function fits(
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
