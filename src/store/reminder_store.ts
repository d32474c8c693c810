/** Stores reminders until they are due. */

import type { Channel, User } from "../domain/message.ts";

/** A reminder that a user asked for. */
export interface Reminder {
  readonly id: string;
  /** The user: `platform:userId`. */
  readonly userKey: string;
  /** The node that the request came from, and that gets the reminder. */
  readonly nodeId: string;
  readonly platform: string;
  readonly user: User;
  readonly channel: Channel;
  readonly text: string;
  /** When the user wants it. Postponing does not change it. */
  readonly dueAt: number;
  readonly createdAt: number;
}

/** Stores reminders. */
export interface ReminderStore {
  /**
   * Adds a reminder. Returns false if its user already has `cap` of them. One with a known id changes
   * nothing.
   */
  add(reminder: Reminder, options: { readonly cap: number }): Promise<boolean>;

  /** Returns reminders whose time, or postponed time, has come; the earliest first. */
  due(options: { readonly now: number; readonly limit: number }): Promise<readonly Reminder[]>;

  /** Returns when the next reminder is due or postponed to; `undefined` if there is none. */
  nextDueAt(): Promise<number | undefined>;

  /** Returns a user's reminders by `dueAt`. */
  forUser(userKey: string): Promise<readonly Reminder[]>;

  /** Postpones a reminder, so that it is due at `to`. */
  postpone(id: string, options: { readonly to: number }): Promise<void>;

  /** Deletes a reminder, only if it belongs to `userKey` when given. Returns false if there is none. */
  remove(id: string, options?: { readonly userKey?: string }): Promise<boolean>;
}
