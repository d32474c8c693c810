/**
 * The port to a person who agrees to a tool call, or does not. The executor asks; the processor
 * implements it with the adapter's help.
 */

import type { ToolCall } from "../domain/tool_call.ts";
import type { ToolContext } from "./tool.ts";

/** What is asked. */
export interface ApprovalQuestion {
  readonly call: ToolCall;
  readonly context: ToolContext;
  /** What would be done, for people. */
  readonly description: string;
}

/** What was answered. `why` is for the model. */
export type ApprovalAnswer =
  | { readonly approved: true }
  | { readonly approved: false; readonly why: string };

export interface Approver {
  /** Asks and waits for the answer. Rejects with the signal's reason when it aborts. */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>;
}
