/**
 * A line of history as the model is shown it. The store gives the same object for the same line while
 * it has it at hand, so what is made of a line is made once, not once a turn. Used by the context
 * builder.
 */

import type { ContextPart } from "../llm/context_part.ts";
import type { LlmMessage } from "../llm/llm_client.ts";
import { estimateTokens } from "../llm/token_estimate.ts";
import type { HistoryEntry } from "../store/history_store.ts";

const counted = new WeakMap<HistoryEntry, number>();
const named = new WeakMap<HistoryEntry, ContextPart>();
const unnamed = new WeakMap<HistoryEntry, ContextPart>();

/** The tokens of a line's text (estimated). */
export function lineTokens(line: HistoryEntry): number {
  let tokens = counted.get(line);
  if (tokens === undefined) counted.set(line, tokens = estimateTokens(line.content));
  return tokens;
}

/** A line as a part of a request; `speaker` makes a name of who speaks, where the model is told. */
export function linePart(
  line: HistoryEntry,
  speaker?: (name: string) => string,
): ContextPart {
  const made = speaker ? named : unnamed;
  let part = made.get(line);
  if (!part) made.set(line, part = { kind: "history", message: messageOf(line, speaker) });
  return part;
}

function messageOf(line: HistoryEntry, speaker?: (name: string) => string): LlmMessage {
  const content = line.partial ? `${line.content} [cut off]` : line.content;
  if (line.role === "assistant") return { role: "assistant", content };
  return { role: "user", content, speaker: speaker?.(line.userName ?? line.userId) };
}
