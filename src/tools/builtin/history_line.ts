/** How a line of history is shown to the model, by the tools that read history. */

import { isoTime } from "../../lib/iso_time.ts";
import type { HistoryEntry } from "../../store/history_store.ts";

/** One line: when, who, what. */
export function historyLine(entry: HistoryEntry): string {
  const speaker = entry.role === "assistant" ? "assistant" : entry.userName ?? entry.userId;
  return `[${isoTime(entry.at)}] ${speaker}: ${entry.content}`;
}
