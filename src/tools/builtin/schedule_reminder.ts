/** The tool `schedule_reminder`. */

import { isoTime } from "../../lib/iso_time.ts";
import * as z from "zod";
import { defineTool, type Tool } from "../tool.ts";
import { labelText } from "./label_text.ts";
import type { ReminderService } from "./reminder_book.ts";
import { userKeyOf } from "./user_key.ts";

/** The farthest time ahead, seconds: five years. */
const maxSeconds = 5 * 366 * 86_400;

/** What {@linkcode scheduleReminder} may be given. */
export interface ScheduleReminderOptions {
  readonly now?: () => number;
  readonly newId?: () => string;
}

/** Reminds the user who speaks, in this channel, at a later time. */
export function scheduleReminder(
  book: Pick<ReminderService, "add">,
  { now = Date.now, newId = () => crypto.randomUUID().slice(0, 13) }: ScheduleReminderOptions = {},
): Tool {
  return defineTool({
    name: "schedule_reminder",
    description: "Reminds the user who speaks, in this channel, at a later time. Give either " +
      "in_seconds or at.",
    input: z.object({
      text: z.string().trim().min(1).max(2000).describe("What to remind the user of"),
      in_seconds: z.number().min(1).max(maxSeconds).optional()
        .describe("How long from now, in seconds"),
      at: z.iso.datetime({ offset: true }).optional()
        .describe("When, in ISO 8601 with an offset, such as 2030-01-31T09:00:00+01:00"),
    }).refine(({ in_seconds, at }) => (in_seconds === undefined) !== (at === undefined), {
      message: "give either in_seconds or at",
    }),
    risk: "write",
    emoji: "⏰",
    describe: ({ text }) => `Setting a reminder: “${labelText(text, 60)}”`,
    run: async ({ text, in_seconds, at }, run) => {
      if (run.message.task) return failure("A reminder or task cannot set a reminder.");
      const dueAt = at === undefined
        ? now() + Math.round(in_seconds! * 1000)
        : new Date(at).getTime();
      const aheadMs = dueAt - now();
      if (aheadMs <= 0) return failure(`${at} has passed. It is ${isoTime(now())} now.`);
      if (aheadMs > maxSeconds * 1000) return failure("That is more than five years ahead.");
      const { user, channel } = run.message;
      const id = newId();
      const { nodeId, platform } = run;
      const userKey = userKeyOf(run);
      const reminder = { id, userKey, nodeId, platform, user, channel, text, dueAt };
      if (await book.add(reminder)) return `Reminder ${id} is set for ${isoTime(dueAt)}.`;
      return failure("This user has as many reminders as one may have. Cancel some first.");
    },
  });
}

function failure(content: string) {
  return { content, isError: true };
}
