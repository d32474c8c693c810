/** Turns the tools of an MCP server into tools for the executor. */

import { createHash } from "node:crypto";
import * as z from "zod";
import { parseWith } from "../../lib/schema.ts";
import type { Tool, ToolOutput, ToolRisk, ToolRun } from "../tool.ts";
import { formatContent, type McpCallResult } from "./content.ts";
import { isObject } from "./json_rpc.ts";

type Json = Readonly<Record<string, unknown>>;

/** A tool as listed by a server. The hints are not to be trusted. */
export interface McpToolInfo {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Json;
  readonly annotations?: {
    readonly title?: string;
    readonly readOnlyHint?: boolean;
    readonly idempotentHint?: boolean;
    readonly openWorldHint?: boolean;
  };
}

/** Longest name that every provider accepts. */
const maxNameChars = 64;
/** Characters of a description that the model is shown. */
const maxDescriptionChars = 2_000;

/** The server of a tool. */
export interface McpToolHost {
  readonly name: string;
  readonly timeoutMs: number;
  call(
    tool: string,
    input: unknown,
    options: { readonly signal: AbortSignal; readonly repeatable?: boolean },
  ): Promise<McpCallResult>;
}

/** Reads one entry of `tools/list`; undefined if it is unusable. Fields of a wrong type are ignored. */
export function readToolInfo(json: unknown): McpToolInfo | undefined {
  if (!isObject(json) || typeof json.name !== "string" || json.name.trim() === "") return undefined;
  const annotations = isObject(json.annotations) ? json.annotations : {};
  const title = optionalText(json.title) ?? optionalText(annotations.title);
  const description = optionalText(json.description);
  return {
    name: json.name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    inputSchema: isObject(json.inputSchema) ? withoutNulls(json.inputSchema) as Json : {},
    annotations: {
      readOnlyHint: annotations.readOnlyHint === true,
      idempotentHint: annotations.idempotentHint === true,
      openWorldHint: annotations.openWorldHint === true,
    },
  };
}

/** Reads the entries of `tools/list`; reports those that are skipped. */
export function readToolList(
  list: readonly unknown[],
  onSkipped: (tool: string, reason: string) => void,
): readonly McpToolInfo[] {
  const infos = new Map<string, McpToolInfo>();
  for (const [index, entry] of list.entries()) {
    const info = readToolInfo(entry);
    if (info && !infos.has(info.name)) {
      infos.set(info.name, info);
      continue;
    }
    const { name, title } = isObject(entry) ? entry : {};
    const label = optionalText(name) ?? optionalText(title) ?? `number ${index + 1}`;
    onSkipped(label, info ? "it is listed twice" : "it has no name");
  }
  return [...infos.values()];
}

function optionalText(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

/** Serializers of optional fields write null for an absent keyword; it is a value only in lists. */
function withoutNulls(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutNulls);
  if (!isObject(node)) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => value !== null || key === "const" || key === "default")
      .map(([key, value]) => [key, withoutNulls(value)]),
  );
}

/** Creates a tool named `server__tool`. */
export function mcpTool(info: McpToolInfo, host: McpToolHost): Tool {
  const name = toolName(host.name, info.name);
  const title = info.title ?? info.name;
  const schema = argumentsSchema(info.inputSchema);
  return {
    name,
    description: (info.description ?? title).slice(0, maxDescriptionChars),
    parameters: info.inputSchema,
    risk: riskOf(info),
    emoji: "🔌",
    timeoutMs: host.timeoutMs,
    parse: (json) => {
      const problem = schema && problemOf(schema, json);
      // The server receives what the model wrote, without defaults or coercions.
      return problem === undefined ? { value: json } : { problem };
    },
    describe: () => `Using ${title} (${host.name})`,
    run: (input, run) => runTool(info, input, { host, run }),
  };
}

/**
 * The name that a model is shown: letters, digits, `_` and `-`. If that requires a change, a digest
 * is appended, so that no two tools share a name.
 */
export function toolName(server: string, tool: string): string {
  const whole = `${server}__${tool}`;
  const name = whole.replace(/[^A-Za-z0-9_-]/g, "_");
  if (name === whole && name.length <= maxNameChars) return name;
  const digest = createHash("sha256").update(whole).digest("hex").slice(0, 8);
  return `${name.slice(0, maxNameChars - 9)}_${digest}`;
}

async function runTool(
  { name, annotations }: McpToolInfo,
  input: unknown,
  { host, run }: { readonly host: McpToolHost; readonly run: ToolRun },
): Promise<ToolOutput> {
  const repeatable = annotations?.readOnlyHint === true || annotations?.idempotentHint === true;
  const result = await host.call(name, input, { signal: run.signal, repeatable });
  const content = formatContent(result, run.sendFile);
  return { content, isError: result.isError === true };
}

/** Derives the risk from the server's hints; policy rules can override it by name. */
function riskOf({ annotations }: McpToolInfo): ToolRisk {
  if (annotations?.openWorldHint === true) return "network";
  return annotations?.readOnlyHint === true ? "read" : "write";
}

/** Keywords that only the server checks: patterns may be slow, formats differ, defaults are its own. */
const serverKeywords = new Set(["pattern", "patternProperties", "format", "default"]);

/** Keywords whose value maps names to schemas. */
const maps = new Set(["properties", "$defs", "definitions", "dependentSchemas"]);

/** A schema that validates arguments before the call; undefined leaves that to the server. */
function argumentsSchema(json: Json): z.ZodType | undefined {
  // Arguments are always an object; a schema that says otherwise is wrong.
  if (json.type !== undefined && json.type !== "object") return undefined;
  try {
    const schema = withoutServerKeywords(json, { names: false });
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return undefined;
  }
}

function problemOf(schema: z.ZodType, json: unknown): string | undefined {
  try {
    const parsed = parseWith(schema, json);
    return "problem" in parsed ? parsed.problem : undefined;
  } catch {
    // A reference in the schema leads nowhere.
    return undefined;
  }
}

/** @param names whether the object's keys are property names, not keywords. */
function withoutServerKeywords(node: unknown, { names }: { readonly names: boolean }): unknown {
  if (Array.isArray(node)) return node.map((item) => withoutServerKeywords(item, { names: false }));
  if (!isObject(node)) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => names || !serverKeywords.has(key) && !isDraft4Bound(key, value))
      .map(([key, value]) => [
        key,
        withoutServerKeywords(value, { names: !names && maps.has(key) }),
      ]),
  );
}

/** In draft 4 these keywords are booleans, which say how to read `minimum` and `maximum`. */
function isDraft4Bound(keyword: string, value: unknown): boolean {
  return /^exclusiveM(?:in|ax)imum$/.test(keyword) && typeof value === "boolean";
}
