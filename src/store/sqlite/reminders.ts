/** Reminders on SQLite. See reminder_store.ts for what each method promises. */

import type { Reminder, ReminderStore } from "../reminder_store.ts";
import type { SqliteConnection } from "./connection.ts";
import { toReminder } from "./rows.ts";

/** Texts as bytes, since the driver of Deno 2.4 cuts them at a NUL. */
const columns = `id, user_key, node_id, platform, user, channel, CAST(text AS BLOB) AS text,
  due_at, created_at`;
/** When one is to be taken up; as the index has it. */
const takenUpAt = "coalesce(put_off_to, due_at)";

/** The table `reminders`. */
export class SqliteReminders implements ReminderStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  add(reminder: Reminder, { cap }: { readonly cap: number }): Promise<boolean> {
    return this.#sql.write(() => {
      const { count } = this.#sql.get(
        "SELECT count(*) AS count FROM reminders WHERE user_key = ?",
        reminder.userKey,
      ) as { count: number };
      if (count >= cap) return false;
      this.#sql.run(
        `INSERT INTO reminders (id, user_key, node_id, platform, user, channel, text, due_at,
           created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        reminder.id,
        reminder.userKey,
        reminder.nodeId,
        reminder.platform,
        JSON.stringify(reminder.user),
        JSON.stringify(reminder.channel),
        reminder.text,
        reminder.dueAt,
        reminder.createdAt,
      );
      return true;
    });
  }

  due(
    { now, limit }: { readonly now: number; readonly limit: number },
  ): Promise<readonly Reminder[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM reminders WHERE ${takenUpAt} <= ?
         ORDER BY ${takenUpAt}, id LIMIT ?`,
        now,
        limit,
      ).map(toReminder)
    );
  }

  nextDueAt(): Promise<number | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(`SELECT min(${takenUpAt}) AS next FROM reminders`);
      return (row?.next ?? undefined) as number | undefined;
    });
  }

  forUser(userKey: string): Promise<readonly Reminder[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM reminders WHERE user_key = ? ORDER BY due_at, id`,
        userKey,
      ).map(toReminder)
    );
  }

  postpone(id: string, { to }: { readonly to: number }): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run("UPDATE reminders SET put_off_to = ? WHERE id = ?", to, id);
    });
  }

  remove(id: string, { userKey }: { readonly userKey?: string } = {}): Promise<boolean> {
    return this.#sql.write(() => {
      const { changes } = userKey === undefined
        ? this.#sql.run("DELETE FROM reminders WHERE id = ?", id)
        : this.#sql.run("DELETE FROM reminders WHERE id = ? AND user_key = ?", id, userKey);
      return changes === 1;
    });
  }
}
