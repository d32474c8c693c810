/** The tool `cancel_reminder`. */

import * as z from "zod";
import { defineTool, type Tool } from "../tool.ts";
import type { ReminderService } from "./reminder_book.ts";
import { userKeyOf } from "./user_key.ts";

/** Drops a reminder of the user who speaks. */
export function cancelReminder(book: Pick<ReminderService, "cancel">): Tool {
  return defineTool({
    name: "cancel_reminder",
    description: "Cancels a reminder of the user who speaks, by the id that list_reminders or " +
      "schedule_reminder gave.",
    input: z.object({ id: z.string().min(1).max(100).describe("The reminder's id") }),
    risk: "write",
    emoji: "🗑️",
    describe: ({ id }) => `Cancelling reminder ${id}`,
    run: async ({ id }, run) => {
      if (await book.cancel(id, { userKey: userKeyOf(run) })) return `Reminder ${id} is cancelled.`;
      return { content: `This user has no reminder "${id}".`, isError: true };
    },
  });
}
