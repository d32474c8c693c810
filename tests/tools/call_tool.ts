/** Calls a tool as the executor does: its arguments read against the schema, then run. */

import type { ReplyFile } from "../../src/domain/reply.ts";
import type { Tool, ToolOutput, ToolRun } from "../../src/tools/tool.ts";

/** On whose behalf tools run in these tests, where a test says nothing else. */
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

/** Runs a tool; what is wrong with the arguments is thrown. */
export async function callTool(
  tool: Tool,
  json: Readonly<Record<string, unknown>>,
  fields: Partial<ToolRun> = {},
): Promise<ToolOutput> {
  const input = tool.read(json);
  if ("problem" in input) throw new Error(input.problem);
  return await tool.run(input.value, toolRun(fields));
}

/** Runs a tool that sends files; gives these. */
export async function filesOf(
  tool: Tool,
  json: Readonly<Record<string, unknown>>,
): Promise<readonly ReplyFile[]> {
  const files: ReplyFile[] = [];
  await callTool(tool, json, { sendFile: (file) => files.push(file) });
  return files;
}
