/** Tool calls, their results, and rounds of both. */

import type { ReplyFile } from "./reply.ts";

/** A call that the model requested. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
}

/** The result of a call. */
export interface ToolResult {
  readonly content: string;
  readonly isError: boolean;
  readonly files: readonly ReplyFile[];
  readonly durationMs: number;
}

/** One round of a turn: the model's text, the tools it called, and the results so far. */
export interface ToolRound {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** By position of the call; undefined if none was recorded. */
  readonly results: readonly (ToolResult | undefined)[];
}
