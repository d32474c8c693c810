/** Turns a tool of an MCP server into a tool for the executor. */

import { createHash } from "node:crypto";
import * as z from "zod";
import { parseWith } from "../../lib/schema.ts";
import type { Tool, ToolOutput, ToolRisk, ToolRun } from "../tool.ts";
import { formatContent, type McpCallResult } from "./content.ts";

/** A tool as listed by a server. The hints are not to be trusted. */
export interface McpToolInfo {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly annotations?: {
    readonly title?: string;
    readonly readOnlyHint?: boolean;
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
    options: { readonly signal: AbortSignal },
  ): Promise<McpCallResult>;
}

/** Creates a tool named `server__tool`. */
export function mcpTool(info: McpToolInfo, host: McpToolHost): Tool {
  const name = toolName(host.name, info.name);
  const title = info.title ?? info.annotations?.title ?? info.name;
  const schema = argumentsSchema(info.inputSchema);
  return {
    name,
    description: (info.description ?? title).slice(0, maxDescriptionChars),
    parameters: schemaForModel(info.inputSchema),
    risk: riskOf(info),
    emoji: "🔌",
    timeoutMs: host.timeoutMs,
    parse: (json) => {
      // If zod cannot read the schema, only the server validates the arguments.
      const parsed = schema ? parseWith(schema, json) : { value: json };
      // The server receives what the model wrote, without defaults or coercions.
      return "problem" in parsed ? parsed : { value: json };
    },
    describe: () => `Using ${title} (${host.name})`,
    run: (input, run) => runTool(info.name, input, { host, run }),
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
  name: string,
  input: unknown,
  { host, run }: { readonly host: McpToolHost; readonly run: ToolRun },
): Promise<ToolOutput> {
  const result = await host.call(name, input, { signal: run.signal });
  const content = formatContent(result, run.sendFile);
  return { content, isError: result.isError === true };
}

/** Derives the risk from the server's hints; policy rules can override it by name. */
function riskOf({ annotations }: McpToolInfo): ToolRisk {
  if (annotations?.openWorldHint === true) return "network";
  return annotations?.readOnlyHint === true ? "read" : "write";
}

function argumentsSchema(json: McpToolInfo["inputSchema"]): z.ZodType | undefined {
  try {
    return z.fromJSONSchema(schemaForValidation(json) as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return undefined;
  }
}

type Json = Readonly<Record<string, unknown>>;

/** Keywords that providers refuse at the top of a schema. The server still checks them. */
const refusedAtTop = ["$schema", "anyOf", "oneOf", "allOf", "not", "enum"];

/** Keywords that only the server checks: patterns may be slow, formats differ, defaults are its own. */
const serverKeywords = new Set(["pattern", "patternProperties", "format", "default"]);

/** Keywords whose value maps names to schemas. */
const maps = new Set(["properties", "$defs", "definitions", "dependentSchemas"]);

/** The schema in the form that providers accept. */
function schemaForModel(schema: Json): Json {
  const top = Object.fromEntries(
    Object.entries(schema).filter(([keyword]) => !refusedAtTop.includes(keyword)),
  );
  return withItems({ properties: {}, ...top, type: "object" }) as Json;
}

/** The schema for validating arguments before the call. */
function schemaForValidation(schema: Json): Json {
  return withoutServerKeywords(schema, { names: false }) as Json;
}

/** Adds the `items` schema that some providers require for arrays. */
function withItems(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withItems);
  if (typeof node !== "object" || node === null) return node;
  const copy = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, withItems(value)]),
  );
  const bare = copy.type === "array" && copy.items === undefined && copy.prefixItems === undefined;
  return bare ? { ...copy, items: {} } : copy;
}

/** @param names whether the object's keys are property names, not keywords. */
function withoutServerKeywords(node: unknown, { names }: { readonly names: boolean }): unknown {
  if (Array.isArray(node)) return node.map((item) => withoutServerKeywords(item, { names: false }));
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => names || !serverKeywords.has(key))
      .map((
        [key, value],
      ) => [key, withoutServerKeywords(value, { names: !names && maps.has(key) })]),
  );
}
