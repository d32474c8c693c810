/** The tools `remember` and `recall`. */

import * as z from "zod";
import { isoDate } from "../../lib/iso_time.ts";
import { isPrivate, viewFrom } from "../../store/memory_store.ts";
import type { Memory, MemoryStore } from "../../store/memory_store.ts";
import { defineTool, shorten, type Tool, userKeyOf } from "../tool.ts";

/** Options of {@linkcode remember}. */
export interface RememberOptions {
  /** Memories kept per user; the oldest are dropped. Default: 1000. */
  readonly cap?: number;
  readonly now?: () => number;
}

/** Stores a fact about the user. */
export function remember(
  memories: Pick<MemoryStore, "add">,
  { cap = 1000, now = Date.now }: RememberOptions = {},
): Tool {
  return defineTool({
    name: "remember",
    description: "Stores a lasting fact about the current user (a name, a wish, a date, a " +
      "decision) that recall can find later. One fact per call, as a full sentence.",
    input: z.object({
      // The store would cut the text at a NUL.
      text: z.string().trim().min(1).max(2000)
        .refine((text) => !text.includes("\0"), "must not contain NUL").describe("The fact"),
    }),
    risk: "write",
    emoji: "🧠",
    describe: ({ text }) => `Remembering “${shorten(text, 60)}”`,
    run: async ({ text }, run) => {
      const { created } = await memories.add({
        userKey: userKeyOf(run),
        text,
        private: isPrivate(run),
        channelKey: run.channelKey,
        createdAt: now(),
      }, { cap });
      return created ? "Remembered." : "This was already remembered.";
    },
  });
}

/** Finds facts about the user. Those from private messages are found only in private ones. */
export function recall(memories: Pick<MemoryStore, "search" | "recent">): Tool {
  return defineTool({
    name: "recall",
    description: "Finds remembered facts about the current user that contain any of the query's " +
      "words, best match first. Without a query: the newest facts.",
    input: z.object({
      query: z.string().max(2000).default("").describe("Words to look for"),
      limit: z.number().int().min(1).max(50).default(10).describe("Maximum number of facts"),
    }),
    risk: "read",
    emoji: "💭",
    describe: ({ query }) =>
      query.trim() ? `Recalling what I know about “${query.trim()}”` : "Recalling what I know",
    run: async ({ query, limit }, run) => {
      const view = { userKey: userKeyOf(run), ...viewFrom(run) };
      const found = query.trim()
        ? await memories.search({ ...view, query, limit })
        : await memories.recent({ ...view, limit });
      if (found.length > 0) return found.map(lineOf).join("\n");
      return query.trim()
        ? `No remembered fact about this user contains a word of "${query.trim()}".`
        : "No facts about this user are remembered.";
    },
  });
}

function lineOf({ text, createdAt }: Memory): string {
  return `[${isoDate(createdAt)}] ${text}`;
}
