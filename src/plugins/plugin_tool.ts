/** A plugin's tool as the executor knows tools. */

import * as z from "zod";
import { readWith, type Tool, type ToolOutput, toolRisks } from "../tools/tool.ts";
import type { PluginArguments, PluginTool } from "./plugin.ts";

const definition = z.object({
  name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "expected letters, digits, _ and - (at most 64)"),
  description: z.string().min(1),
  parameters: z.record(z.string(), z.unknown()).default({ type: "object", properties: {} }),
  risk: z.enum(toolRisks).default("read"),
  emoji: z.string().default("🧩"),
  timeout: z.number().positive().optional(),
  run: z.custom<PluginTool["run"]>((value) => typeof value === "function", "expected a function"),
});

/** Makes a tool. @throws {Error} with the field that is wrong. */
export function pluginTool(tool: PluginTool): Tool {
  const read = readWith(definition, tool);
  if ("problem" in read) throw new Error(`Cannot add tool: ${read.problem}`);
  const { parameters, timeout, run, ...rest } = read.value as z.output<typeof definition>;
  const schema = z.fromJSONSchema(parameters as Parameters<typeof z.fromJSONSchema>[0]);
  return {
    ...rest,
    parameters: { type: "object", properties: {}, ...parameters },
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

function toOutput(result: unknown): ToolOutput {
  return typeof result === "string" ? result : JSON.stringify(result ?? null);
}
