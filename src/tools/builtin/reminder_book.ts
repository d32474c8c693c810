/** Where the reminder tools keep reminders: the port that the scheduler implements. */

import type { Reminder } from "../../store/reminder_store.ts";

/** Keeps reminders and delivers them when they are due. */
export interface ReminderService {
  /** Keeps one; false where its user has as many as allowed. */
  add(reminder: Omit<Reminder, "createdAt">): Promise<boolean>;
  /** A user's reminders, the earliest first. */
  ofUser(userKey: string): Promise<readonly Reminder[]>;
  /** Drops one of a user's reminders; false where there is none of this id. */
  cancel(id: string, options: { readonly userKey: string }): Promise<boolean>;
}
