/** The tool `search_history`. */

import * as z from "zod";
import type { HistoryStore } from "../../store/history_store.ts";
import { defineTool, type Tool } from "../tool.ts";
import { historyLine } from "./history_line.ts";

/** Searches what was said in the channel, earlier sessions included. */
export function searchHistory(history: Pick<HistoryStore, "search">): Tool {
  return defineTool({
    name: "search_history",
    description: "Searches all that was said in this channel, also long ago, for words. " +
      "Gives the newest lines that contain every word.",
    input: z.object({
      query: z.string().min(1).describe("The words to find"),
      limit: z.number().int().min(1).max(50).default(10).describe("How many lines at most"),
    }),
    risk: "read",
    emoji: "🔎",
    describe: ({ query }) => `Searching the history for “${query}”`,
    run: async ({ query, limit }, { channelKey }) => {
      const found = await history.search({ channelKey, query, limit });
      if (found.length === 0) return `Nothing was said here that contains "${query}".`;
      return found.map(historyLine).join("\n");
    },
  });
}
