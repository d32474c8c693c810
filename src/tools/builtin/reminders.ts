/** The tools `schedule_reminder`, `list_reminders` and `cancel_reminder`. */

import * as z from "zod";
import { isoTime } from "../../lib/iso_time.ts";
import type { Reminder } from "../../store/reminder_store.ts";
import { defineTool, shorten, type Tool, userKeyOf } from "../tool.ts";

/** The longest time ahead, seconds: five years. */
const maxSeconds = 5 * 366 * 86_400;

/** Stores reminders and delivers them when they are due. The scheduler implements it. */
export interface ReminderService {
  /** Stores a reminder; false if its user has reached the limit. */
  add(reminder: Omit<Reminder, "createdAt">): Promise<boolean>;
  /** A user's reminders, earliest first. */
  forUser(userKey: string): Promise<readonly Reminder[]>;
  /** Deletes a user's reminder; false if there is none with this id. */
  cancel(id: string, options: { readonly userKey: string }): Promise<boolean>;
}

/** Options of {@linkcode scheduleReminder}. */
export interface ScheduleReminderOptions {
  readonly now?: () => number;
  readonly newId?: () => string;
}

/** Reminds the user in this channel at a later time. */
export function scheduleReminder(
  service: Pick<ReminderService, "add">,
  { now = Date.now, newId = () => crypto.randomUUID().slice(0, 13) }: ScheduleReminderOptions = {},
): Tool {
  return defineTool({
    name: "schedule_reminder",
    description: "Reminds the current user in this channel at a later time. Pass either " +
      "in_seconds or at.",
    input: z.object({
      text: z.string().trim().min(1).max(2000).describe("What to remind the user of"),
      in_seconds: z.number().min(1).max(maxSeconds).optional()
        .describe("How long from now, in seconds"),
      at: z.iso.datetime({ offset: true }).optional()
        .describe("When, in ISO 8601 with an offset, such as 2030-01-31T09:00:00+01:00"),
    }).refine(({ in_seconds, at }) => (in_seconds === undefined) !== (at === undefined), {
      message: "pass either in_seconds or at",
    }),
    risk: "write",
    emoji: "⏰",
    describe: ({ text }) => `Setting a reminder: “${shorten(text, 60)}”`,
    run: async ({ text, in_seconds, at }, run) => {
      if (run.message.task) return failure("A reminder or task cannot set a reminder.");
      const dueAt = at === undefined
        ? now() + Math.round(in_seconds! * 1000)
        : new Date(at).getTime();
      const aheadMs = dueAt - now();
      if (aheadMs <= 0) return failure(`${at} is in the past. It is ${isoTime(now())} now.`);
      if (aheadMs > maxSeconds * 1000) return failure("That is more than five years ahead.");
      const { user, channel } = run.message;
      const id = newId();
      const { nodeId, platform } = run;
      const userKey = userKeyOf(run);
      const reminder = { id, userKey, nodeId, platform, user, channel, text, dueAt };
      if (await service.add(reminder)) return `Reminder ${id} is set for ${isoTime(dueAt)}.`;
      return failure("This user has reached the maximum number of reminders. Cancel some first.");
    },
  });
}

/** Lists the user's reminders: all of them in a direct message, else those of the channel. */
export function listReminders(service: Pick<ReminderService, "forUser">): Tool {
  return defineTool({
    name: "list_reminders",
    description: "Lists the current user's reminders that are not due yet.",
    input: z.object({}),
    risk: "read",
    emoji: "📋",
    describe: () => "Listing reminders",
    run: async (_, run) => {
      const all = await service.forUser(userKeyOf(run));
      // Reminders set in private must not show up in front of others.
      const shown = run.channelType === "dm"
        ? all
        : all.filter(({ channel }) => channel.id === run.channelId);
      if (shown.length === 0) return "No reminders are set.";
      return shown.map(({ id, dueAt, text }) => `${id}: ${isoTime(dueAt)} ${text}`).join("\n");
    },
  });
}

/** Cancels one of the user's reminders. */
export function cancelReminder(service: Pick<ReminderService, "cancel">): Tool {
  return defineTool({
    name: "cancel_reminder",
    description: "Cancels one of the current user's reminders, by the id that list_reminders or " +
      "schedule_reminder returned.",
    input: z.object({ id: z.string().min(1).max(100).describe("The reminder's id") }),
    risk: "write",
    emoji: "🗑️",
    describe: ({ id }) => `Cancelling reminder ${id}`,
    run: async ({ id }, run) => {
      const cancelled = await service.cancel(id, { userKey: userKeyOf(run) });
      return cancelled
        ? `Reminder ${id} was cancelled.`
        : failure(`This user has no reminder "${id}".`);
    },
  });
}

function failure(content: string) {
  return { content, isError: true };
}
