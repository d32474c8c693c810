/** One round of tool calls: journaled, run in parallel, results journaled as they arrive. */

import type { MessageOrigin, ToolCall, ToolResult } from "../domain/tool_call.ts";
import type { ToolExecutor } from "../tools/executor.ts";
import type { ToolContext } from "../tools/tool.ts";
import type { TurnJournal } from "./journal.ts";

/** One step of a running turn. */
export type TurnStep =
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

/** The result of a call interrupted by a crash: whether it did anything is unknown. */
export const interrupted: ToolResult = {
  content: "This call was interrupted; its outcome is unknown. It was not run again. " +
    "Check what it did before you repeat it.",
  isError: true,
  files: [],
  durationMs: 0,
};

/** Calls of one round that are run. */
const maxCalls = 32;
const tooMany: ToolResult = {
  content: `This call was not run: a round may have ${maxCalls} calls. Call it again.`,
  isError: true,
  files: [],
  durationMs: 0,
};

/** A round to run. */
export interface RoundOptions {
  readonly index: number;
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly origin?: MessageOrigin;
  /** The number of its first call within the turn, from 1. */
  readonly firstStep: number;
  readonly tools: Pick<ToolExecutor, "execute" | "label">;
  readonly journal: TurnJournal;
  readonly context: ToolContext;
  /** Called for each start, in order, and for each end, when it happens. */
  readonly show: (step: TurnStep) => void;
  readonly signal: AbortSignal;
}

/** Runs a round; returns the results in the order of the calls. */
export async function runToolRound(round: RoundOptions): Promise<readonly ToolResult[]> {
  const { index, text, calls, origin, tools, journal } = round;
  await journal.recordRound({ index, text, calls, origin });
  const steps = calls.map((call, position) => ({
    call,
    step: round.firstStep + position,
    ...tools.label(call),
  }));
  for (const step of steps) round.show({ type: "tool_started", ...step });

  // If one result cannot be recorded the turn is over, and the other calls with it.
  const stop = new AbortController();
  const onAbort = () => stop.abort(round.signal.reason);
  round.signal.addEventListener("abort", onAbort);
  if (round.signal.aborted) onAbort();
  const results: ToolResult[] = [];
  const run = async ({ call, step, description }: typeof steps[number], position: number) => {
    const result = position < maxCalls
      ? await tools.execute(call, round.context, stop.signal)
      : tooMany;
    await journal.recordResult({ round: index, position, result });
    results[position] = result;
    round.show({ type: "tool_finished", call, step, description, result });
  };
  const runs = steps.map(run);
  try {
    await Promise.all(runs);
  } finally {
    round.signal.removeEventListener("abort", onAbort);
    stop.abort();
    await Promise.allSettled(runs);
  }
  return results;
}
