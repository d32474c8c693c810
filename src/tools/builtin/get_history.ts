/** The tool `get_history`. */

import * as z from "zod";
import type { HistoryStore } from "../../store/history_store.ts";
import { defineTool, type Tool } from "../tool.ts";
import { historyLine } from "./history_line.ts";

/** Reads what was said in the channel, page by page, earlier sessions included. */
export function getHistory(history: Pick<HistoryStore, "page">): Tool {
  return defineTool({
    name: "get_history",
    description: "Reads the latest lines of this channel, also of earlier conversations, the " +
      "newest first, each with its id. To read on, pass the last id as before_id.",
    input: z.object({
      limit: z.number().int().min(1).max(100).default(20).describe("How many lines at most"),
      before_id: z.number().int().min(1).optional().describe(
        "Only lines that are older than the one with this id",
      ),
    }),
    risk: "read",
    emoji: "📜",
    describe: ({ before_id }) =>
      before_id === undefined ? "Reading the latest messages" : "Reading earlier messages",
    run: async ({ limit, before_id }, { channelKey }) => {
      const lines = await history.page({ channelKey, before: before_id, limit });
      if (lines.length === 0) {
        return before_id === undefined
          ? "Nothing was said here before."
          : `Nothing was said here before the line with id ${before_id}.`;
      }
      return lines.map((entry) => `#${entry.id} ${historyLine(entry)}`).join("\n");
    },
  });
}
