/** The tool `list_reminders`. */

import { isoTime } from "../../lib/iso_time.ts";
import * as z from "zod";
import { defineTool, type Tool } from "../tool.ts";
import type { ReminderService } from "./reminder_book.ts";
import { userKeyOf } from "./user_key.ts";

/** Tells the reminders that are set: all in a direct message, elsewhere those of the channel. */
export function listReminders(book: Pick<ReminderService, "ofUser">): Tool {
  return defineTool({
    name: "list_reminders",
    description: "Lists the reminders that the user who speaks has set and that are not due yet.",
    input: z.object({}),
    risk: "read",
    emoji: "📋",
    describe: () => "Listing reminders",
    run: async (_, run) => {
      const all = await book.ofUser(userKeyOf(run));
      // What somebody wants to be reminded of in private is not told among others.
      const shown = run.channelType === "dm"
        ? all
        : all.filter(({ channel }) => channel.id === run.channelId);
      if (shown.length === 0) return "No reminder is set.";
      return shown.map(({ id, dueAt, text }) => `${id}: ${isoTime(dueAt)} ${text}`)
        .join("\n");
    },
  });
}
