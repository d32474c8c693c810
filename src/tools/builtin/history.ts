/** The tools `search_history` and `get_history`. */

import * as z from "zod";
import { isoTime } from "../../lib/iso_time.ts";
import type { HistoryEntry, HistoryStore } from "../../store/history_store.ts";
import { defineTool, type Tool } from "../tool.ts";

/** Searches the channel's messages, including those of earlier sessions. */
export function searchHistory(history: Pick<HistoryStore, "search">): Tool {
  return defineTool({
    name: "search_history",
    description: "Searches all messages of this channel, including old ones. Returns the newest " +
      "messages that contain every word of the query.",
    input: z.object({
      query: z.string().min(1).describe("The words to find"),
      limit: z.number().int().min(1).max(50).default(10).describe("Maximum number of messages"),
    }),
    risk: "read",
    emoji: "🔎",
    describe: ({ query }) => `Searching the history for “${query}”`,
    run: async ({ query, limit }, { channelKey }) => {
      const found = await history.search({ channelKey, query, limit });
      if (found.length === 0) return `No message in this channel contains "${query}".`;
      return found.map(lineOf).join("\n");
    },
  });
}

/** Reads the channel's messages page by page, including those of earlier sessions. */
export function getHistory(history: Pick<HistoryStore, "page">): Tool {
  return defineTool({
    name: "get_history",
    description: "Reads the latest messages of this channel, including those of earlier " +
      "conversations, newest first, each with its id. To continue, pass the last id as before_id.",
    input: z.object({
      limit: z.number().int().min(1).max(100).default(20).describe("Maximum number of messages"),
      before_id: z.number().int().min(1).optional()
        .describe("Only messages older than the one with this id"),
    }),
    risk: "read",
    emoji: "📜",
    describe: ({ before_id }) =>
      before_id === undefined ? "Reading the latest messages" : "Reading earlier messages",
    run: async ({ limit, before_id }, { channelKey }) => {
      const lines = await history.page({ channelKey, before: before_id, limit });
      if (lines.length === 0) {
        return before_id === undefined
          ? "There are no earlier messages."
          : `There are no messages before id ${before_id}.`;
      }
      return lines.map((entry) => `#${entry.id} ${lineOf(entry)}`).join("\n");
    },
  });
}

function lineOf(entry: HistoryEntry): string {
  const speaker = entry.role === "assistant" ? "assistant" : entry.userName ?? entry.userId;
  return `[${isoTime(entry.at)}] ${speaker}: ${entry.content}`;
}
