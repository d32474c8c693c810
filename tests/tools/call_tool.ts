/** Calls a tool as the executor does: validates the arguments, then runs it. */

import type { ReplyFile } from "../../src/domain/reply.ts";
import type { Tool, ToolOutput, ToolRun } from "../../src/tools/tool.ts";

/** The context of a call, with defaults. */
export function toolRun(fields: Partial<ToolRun> = {}): ToolRun {
  return {
    nodeId: "node-1",
    platform: "test",
    requestId: "request-1",
    userId: "user-1",
    channelId: "channel-1",
    channelKey: "channel-1",
    channelType: "dm",
    sessionId: "session-1",
    message: { user: { id: "user-1" }, channel: { id: "channel-1", type: "dm" } },
    signal: new AbortController().signal,
    sendFile: () => {},
    ...fields,
  };
}

/** Runs a tool. @throws {Error} if the arguments are invalid. */
export async function callTool(
  tool: Tool,
  json: Readonly<Record<string, unknown>>,
  fields: Partial<ToolRun> = {},
): Promise<ToolOutput> {
  const input = tool.parse(json);
  if ("problem" in input) throw new Error(input.problem);
  return await tool.run(input.value, toolRun(fields));
}

/** Runs a tool and returns the files it sent. */
export async function filesOf(
  tool: Tool,
  json: Readonly<Record<string, unknown>>,
): Promise<readonly ReplyFile[]> {
  const files: ReplyFile[] = [];
  await callTool(tool, json, { sendFile: (file) => files.push(file) });
  return files;
}
