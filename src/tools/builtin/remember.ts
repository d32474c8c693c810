/** The tool `remember`. */

import * as z from "zod";
import { isPrivate, type MemoryStore } from "../../store/memory_store.ts";
import { defineTool, type Tool } from "../tool.ts";
import { labelText } from "./label_text.ts";
import { userKeyOf } from "./user_key.ts";

/** What {@linkcode remember} may be given. */
export interface RememberOptions {
  /** Facts that are kept of one user; the oldest make room. Default: 1000. */
  readonly cap?: number;
  readonly now?: () => number;
}

/** Keeps a fact about the user who speaks. */
export function remember(
  memories: Pick<MemoryStore, "add">,
  { cap = 1000, now = Date.now }: RememberOptions = {},
): Tool {
  return defineTool({
    name: "remember",
    description: "Keeps a lasting fact about the user who speaks (a name, a wish, a date, a " +
      "decision), to be found later with recall. One fact per call, in a full sentence.",
    input: z.object({
      // The store would keep no more than what stands before a NUL.
      text: z.string().trim().min(1).max(2000)
        .refine((text) => !text.includes("\0"), "must not hold a NUL").describe("The fact"),
    }),
    risk: "write",
    emoji: "🧠",
    describe: ({ text }) => `Remembering “${labelText(text, 60)}”`,
    run: async ({ text }, run) => {
      const { created } = await memories.add({
        userKey: userKeyOf(run),
        text,
        private: isPrivate(run),
        channelKey: run.channelKey,
        createdAt: now(),
      }, { cap });
      return created ? "Remembered." : "This was remembered before.";
    },
  });
}
