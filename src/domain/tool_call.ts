/** Tool calls, their results, and rounds of both. */

import type { ReplyFile } from "./reply.ts";

/** A call that the model requested. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, as the model wrote it. */
  readonly arguments: string;
  /** Fields of the provider's own, such as a thought signature, to be sent back unchanged. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** The result of a call. */
export interface ToolResult {
  readonly content: string;
  readonly isError: boolean;
  readonly files: readonly ReplyFile[];
  readonly durationMs: number;
}

/** Where an assistant's message came from. */
export interface MessageOrigin {
  /** The model that wrote it: only that one gets the fields back. */
  readonly model: string;
  /** Fields that the provider wants back unchanged, such as `reasoning_content`. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** One round of a turn: the model's text, the tools it called, and the results so far. */
export interface ToolRound {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly origin?: MessageOrigin;
  /** By position of the call; undefined if none was recorded. */
  readonly results: readonly (ToolResult | undefined)[];
}
