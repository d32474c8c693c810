/** Reminders on SQLite. See reminder_store.ts for what each method promises. */

import type { Reminder, ReminderStore } from "./reminder_store.ts";
import type { SqliteConnection } from "./sqlite_connection.ts";
import { toReminder } from "./sqlite_rows.ts";

/** Texts as bytes, since the driver of Deno 2.4 cuts them at a NUL. */
const columns = `id, user_key, node_id, platform, user, channel, CAST(text AS BLOB) AS text,
  due_at, created_at`;

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
        `SELECT ${columns} FROM reminders WHERE due_at <= ? ORDER BY due_at, id LIMIT ?`,
        now,
        limit,
      ).map(toReminder)
    );
  }

  nextDueAt(): Promise<number | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get("SELECT min(due_at) AS next FROM reminders");
      return (row?.next ?? undefined) as number | undefined;
    });
  }

  ofUser(userKey: string): Promise<readonly Reminder[]> {
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM reminders WHERE user_key = ? ORDER BY due_at, id`,
        userKey,
      ).map(toReminder)
    );
  }

  postpone(id: string, { dueAt }: { readonly dueAt: number }): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run("UPDATE reminders SET due_at = ? WHERE id = ?", dueAt, id);
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
