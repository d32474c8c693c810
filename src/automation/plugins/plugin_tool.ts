/** A plugin's tool as the executor knows tools. */

import * as z from "zod";
import { errorText } from "../../lib/error_text.ts";
import { maxTimerSeconds } from "../../lib/wait.ts";
import { readWith, type Tool, type ToolOutput, toolRisks } from "../../tools/tool.ts";
import type { PluginArguments, PluginTool } from "./plugin.ts";

const definition = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "expected letters, digits, _ and - (at most 64)")
    // The policy allows what has it in its name: an MCP server's operator has put it there.
    .refine((name) => !name.includes("__"), 'expected no "__": it marks the tools of MCP servers'),
  description: z.string().min(1),
  // A schema that its provider refuses would fail every request, whoever asks for what.
  parameters: z.looseObject({
    type: z.literal("object", 'expected a JSON Schema of type "object"').default("object"),
    properties: z.record(z.string(), z.unknown()).default({}),
    required: z.array(z.string()).optional(),
  }).default({ type: "object", properties: {} }),
  risk: z.enum(toolRisks).default("read"),
  emoji: z.string().default("🧩"),
  timeout: z.number().positive().max(maxTimerSeconds).optional(),
  run: z.custom<PluginTool["run"]>((value) => typeof value === "function", "expected a function"),
});

/** Makes a tool. @throws {Error} with the field that is wrong. */
export function pluginTool(tool: PluginTool): Tool {
  const read = readWith(definition, tool);
  if ("problem" in read) throw new Error(`Cannot add tool: ${read.problem}`);
  const { timeout, run, ...rest } = read.value as z.output<typeof definition>;
  const { parameters, schema } = readParameters(rest);
  return {
    ...rest,
    parameters,
    timeoutMs: timeout === undefined ? undefined : timeout * 1000,
    read: (json) => readWith(schema, json),
    describe: () => `Using ${rest.name}`,
    run: async (input, { platform, userId, channelId, requestId, signal }) =>
      toOutput(
        await run(input as PluginArguments, {
          platform,
          user_id: userId,
          channel_id: channelId,
          request_id: requestId,
          signal,
        }),
      ),
  };
}

/** A copy of the schema that nobody changes any more, and what checks arguments with it. */
function readParameters({ name, parameters }: Pick<Tool, "name" | "parameters">) {
  try {
    const copy: Tool["parameters"] = JSON.parse(JSON.stringify(parameters));
    return {
      parameters: copy,
      schema: z.fromJSONSchema(copy as Parameters<typeof z.fromJSONSchema>[0]),
    };
  } catch (error) {
    throw new Error(`Cannot add tool "${name}": "parameters": ${errorText(error)}`);
  }
}

function toOutput(result: unknown): ToolOutput {
  if (typeof result === "string") return result;
  // JSON has no word for a function, or for nothing.
  return JSON.stringify(result) ?? "null";
}
