/** A tool of an MCP server as the executor knows tools. Made by `mcp_server.ts`. */

import { createHash } from "node:crypto";
import * as z from "zod";
import { parseWith } from "../../lib/schema.ts";
import type { Tool, ToolOutput, ToolRisk, ToolRun } from "../tool.ts";
import { formatContent } from "./content.ts";
import { schemaForModel, schemaForReading } from "./schema.ts";
import type { McpCallResult, McpToolInfo } from "./types.ts";

/** Longest name that every provider of models takes. */
const maxNameChars = 64;
/** Characters of a description that the model is shown. */
const maxDescriptionChars = 2_000;

/** What the tool needs of its server. */
export interface McpToolHost {
  readonly name: string;
  readonly timeoutMs: number;
  call(
    tool: string,
    input: unknown,
    options: { readonly signal: AbortSignal },
  ): Promise<McpCallResult>;
}

/** Makes a tool named `server__tool`. */
export function mcpTool(info: McpToolInfo, host: McpToolHost): Tool {
  const name = toolName(host.name, info.name);
  const title = info.title ?? info.annotations?.title ?? info.name;
  const schema = readableSchema(info.inputSchema);
  return {
    name,
    description: (info.description ?? title).slice(0, maxDescriptionChars),
    parameters: schemaForModel(info.inputSchema),
    risk: riskOf(info),
    emoji: "🔌",
    timeoutMs: host.timeoutMs,
    read: (json) => {
      // A schema that zod cannot read is left to the server, which checks it anyway.
      const reading = schema ? parseWith(schema, json) : { value: json };
      // The server gets what the model wrote, not what reading made of it.
      return "problem" in reading ? reading : { value: json };
    },
    describe: () => `Using ${title} (${host.name})`,
    run: (input, run) => runTool(info.name, input, { host, run }),
  };
}

/**
 * The name under which a model knows a server's tool: letters, digits, `_` and `-`. One that had to be
 * changed for that ends in a digest of the whole, so that no two are the same.
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

/** The server's hints, taken at their word: the policy's user can say otherwise by name. */
function riskOf({ annotations }: McpToolInfo): ToolRisk {
  if (annotations?.openWorldHint === true) return "network";
  return annotations?.readOnlyHint === true ? "read" : "write";
}

function readableSchema(json: McpToolInfo["inputSchema"]): z.ZodType | undefined {
  try {
    return z.fromJSONSchema(schemaForReading(json) as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return undefined;
  }
}
