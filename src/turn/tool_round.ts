/**
 * One round of tool calls: journaled before they run, all at once, their results journaled as they
 * come and given back in the order of the calls. Used by the orchestrator.
 */

import type { LlmMessage } from "../llm/client.ts";
import type { MessageOrigin, ToolCall, ToolResult, ToolRound } from "../domain/tool_call.ts";
import type { ToolContext } from "../tools/tool.ts";
import type { ToolExecutor } from "../tools/executor.ts";
import type { TurnEvent } from "./turn_event.ts";

/** Where a turn's calls and results are noted, so that none runs twice. Throws when it cannot. */
export interface TurnJournal {
  recordRound(
    round: Pick<ToolRound, "text" | "calls" | "origin"> & { readonly index: number },
  ): Promise<void>;
  recordResult(
    result: { readonly round: number; readonly position: number; readonly result: ToolResult },
  ): Promise<void>;
  /** What has come in meanwhile and joins the turn after a round, now or in an earlier attempt. */
  join(round: number, options: { readonly fresh: boolean }): Promise<readonly LlmMessage[]>;
}

/** The result of a call that a crash cut off: whether it did anything cannot be known. */
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
  content: `This call was not run: one round may have ${maxCalls} calls. Call it again.`,
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
  readonly tools: ToolExecutor;
  readonly journal: TurnJournal;
  readonly context: ToolContext;
  /** Is shown each start in order and each end when it comes. */
  readonly show: (event: TurnEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs the round; gives the results in the order of the calls. */
export async function runToolRound(round: RoundOptions): Promise<readonly ToolResult[]> {
  const { index, text, calls, origin, tools, journal } = round;
  await journal.recordRound({ index, text, calls, origin });
  const steps = calls.map((call, position) => ({
    call,
    step: round.firstStep + position,
    ...tools.label(call),
  }));
  for (const step of steps) round.show({ type: "tool_started", ...step });

  // When one call cannot be noted the turn is over, and with it the other calls.
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
