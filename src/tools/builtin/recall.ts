/** The tool `recall`. */

import { isoDate } from "../../lib/iso_time.ts";
import * as z from "zod";
import { viewFrom } from "../../store/memory_scope.ts";
import type { Memory, MemoryStore } from "../../store/memory_store.ts";
import { defineTool, type Tool } from "../tool.ts";
import { userKeyOf } from "./user_key.ts";

/** Finds what was remembered about the user who speaks, without private facts among others. */
export function recall(memories: Pick<MemoryStore, "search" | "recent">): Tool {
  return defineTool({
    name: "recall",
    description: "Finds facts that were remembered about the user who speaks: those that hold " +
      "any of the words, the best match first. Without a query: the newest facts.",
    input: z.object({
      query: z.string().max(2000).default("").describe("Words to look for"),
      limit: z.number().int().min(1).max(50).default(10).describe("How many facts at most"),
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
      if (found.length > 0) return found.map(toLine).join("\n");
      return query.trim()
        ? `Nothing is remembered about this user that holds a word of "${query.trim()}".`
        : "Nothing is remembered about this user.";
    },
  });
}

function toLine({ text, createdAt }: Memory): string {
  return `[${isoDate(createdAt)}] ${text}`;
}
