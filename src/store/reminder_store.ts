/** The part of the store that keeps reminders until they are due. Used by the scheduler. */

import type { Channel, User } from "../domain/message.ts";

/** What a user wants to be reminded of, when and where. */
export interface Reminder {
  readonly id: string;
  /** Whose it is, over all platforms. */
  readonly userKey: string;
  /** The adapter that carried the wish, and will carry the reminder. */
  readonly nodeId: string;
  readonly platform: string;
  readonly user: User;
  readonly channel: Channel;
  readonly text: string;
  /** When the user wants it, also where it was put off; milliseconds since the epoch. */
  readonly dueAt: number;
  readonly createdAt: number;
}

/** Reminders. Every method is one transaction. */
export interface ReminderStore {
  /** Keeps a reminder; false where its user has `cap` of them already. One with a known id is kept. */
  add(reminder: Reminder, options: { readonly cap: number }): Promise<boolean>;
  /** Those that are due and not put off any longer, the earliest first. */
  due(options: { readonly now: number; readonly limit: number }): Promise<readonly Reminder[]>;
  /** When the next one is due, or put off to; undefined where there is none. */
  nextDueAt(): Promise<number | undefined>;
  /** Those of a user, the earliest first. */
  ofUser(userKey: string): Promise<readonly Reminder[]>;
  /** Puts one off: it is taken up again then. */
  postpone(id: string, options: { readonly to: number }): Promise<void>;
  /** Drops one, of this user where one is named; false where there was none. */
  remove(id: string, options?: { readonly userKey?: string }): Promise<boolean>;
}
