/** What the orchestrator tells of a turn while it runs, and what it gives at the end. */

import type { FinishReason, ReplyFile, Usage } from "../domain/reply.ts";
import type { ToolCall, ToolResult } from "../domain/tool_call.ts";

/** One step of a running turn. */
export type TurnEvent =
  | { readonly type: "text"; readonly text: string }
  | {
    readonly type: "tool_started";
    readonly call: ToolCall;
    /** Counts the tool calls of the turn, from 1. */
    readonly step: number;
    readonly description: string;
    readonly emoji: string;
  }
  | {
    readonly type: "tool_finished";
    readonly call: ToolCall;
    readonly step: number;
    readonly description: string;
    readonly result: ToolResult;
  };

/** What a turn came to; its text is all the `text` events joined. */
export interface TurnResult {
  readonly files: readonly ReplyFile[];
  readonly toolCount: number;
  /** Summed over all requests to the model. */
  readonly usage: Usage;
  /** The model that answered last: it may be a fallback. */
  readonly model: string;
  readonly finishReason: FinishReason;
}
