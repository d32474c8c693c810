/** How a line of history is shown to the model, by the tools that read history. */

import type { HistoryEntry } from "../../store/history_store.ts";

/** One line: when, who, what. */
export function historyLine(entry: HistoryEntry): string {
  const speaker = entry.role === "assistant" ? "assistant" : entry.userName ?? entry.userId;
  return `[${new Date(entry.at).toISOString()}] ${speaker}: ${entry.content}`;
}
