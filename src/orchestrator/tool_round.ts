/**
 * One round of tool calls: journaled before they run, all at once, their results journaled as they
 * come and given back in the order of the calls. Used by the orchestrator.
 */

import type { LlmMessage } from "../llm/llm_client.ts";
import type { ToolCall, ToolResult } from "../store/request_store.ts";
import type { ToolContext } from "../tools/tool.ts";
import type { ToolExecutor } from "../tools/tool_executor.ts";
import type { TurnEvent } from "./turn_event.ts";

/** Where a turn's calls and results are noted, so that none runs twice. Throws when it cannot. */
export interface TurnJournal {
  recordRound(
    round: { readonly index: number; readonly text: string; readonly calls: readonly ToolCall[] },
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
  /** The number of its first call within the turn, from 1. */
  readonly firstStep: number;
  readonly tools: ToolExecutor;
  readonly journal: TurnJournal;
  readonly context: ToolContext;
  readonly signal: AbortSignal;
}

/** Runs the round; yields each start in order and each end when it comes. */
export async function* runToolRound(
  round: RoundOptions,
): AsyncGenerator<TurnEvent, readonly ToolResult[]> {
  const { index, text, calls, tools, journal } = round;
  await journal.recordRound({ index, text, calls });
  const steps = calls.map((call, position) => ({
    call,
    step: round.firstStep + position,
    ...tools.label(call),
  }));
  for (const step of steps) yield { type: "tool_started", ...step };

  // When one call cannot be noted the turn is over, and with it the other calls.
  const stop = new AbortController();
  const onAbort = () => stop.abort(round.signal.reason);
  round.signal.addEventListener("abort", onAbort);
  if (round.signal.aborted) onAbort();
  const run = (call: ToolCall, position: number) =>
    position < maxCalls
      ? tools.execute(call, round.context, stop.signal)
      : Promise.resolve(tooMany);
  const results: ToolResult[] = [];
  const ends = new Map(calls.map((call, position) => [
    position,
    run(call, position).then(async (result) => {
      await journal.recordResult({ round: index, position, result });
      results[position] = result;
      return position;
    }),
  ]));
  try {
    while (ends.size > 0) {
      const position = await Promise.race(ends.values());
      ends.delete(position);
      const { call, step, description } = steps[position]!;
      yield { type: "tool_finished", call, step, description, result: results[position]! };
    }
  } finally {
    round.signal.removeEventListener("abort", onAbort);
    stop.abort();
    await Promise.allSettled(ends.values());
  }
  return results;
}
