/** What a tool is. The built-in ones and, later, those of MCP servers take this form. */

import type { z } from "zod";
import type { ReplyFile } from "../protocol/reply_frame.ts";

/** What a tool may do to the world; the policy goes by it. */
export type ToolRisk = "read" | "write" | "execute" | "network";

/** On whose behalf a tool runs, and what it may use. */
export interface ToolContext {
  readonly nodeId: string;
  readonly platform: string;
  readonly requestId: string;
  readonly userId: string;
  readonly channelId: string;
  readonly channelKey: string;
  readonly sessionId: string;
}

/** What a running tool is given beside its arguments. */
export interface ToolRun extends ToolContext {
  /** Aborts on cancel and on the tool's time-out. */
  readonly signal: AbortSignal;
  /** Sends a file along with the reply. */
  readonly sendFile: (file: ReplyFile) => void;
}

/** A tool that a model may call. */
export interface Tool<Input extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** For the model: what it does and when to use it. */
  readonly description: string;
  readonly input: Input;
  readonly risk: ToolRisk;
  /** One character for adapters that show it. */
  readonly emoji: string;
  /** For people: what is being done, such as "Searching the history for “tea”". */
  readonly describe: (input: z.output<Input>) => string;
  /** Gives the text that the model gets. What it throws is reported to the model. */
  readonly run: (input: z.output<Input>, run: ToolRun) => Promise<string> | string;
}

/** Names a tool with its types checked, then hides its input type, so that tools fit in one list. */
export function defineTool<Input extends z.ZodObject>(tool: Tool<Input>): Tool {
  return tool as unknown as Tool;
}
