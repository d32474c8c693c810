/** Reminders in SQLite. */

import type { Reminder, ReminderStore } from "../reminder_store.ts";
import { blobText, type Row, type SqliteConnection } from "./connection.ts";

/** Columns for {@linkcode toReminder}. */
const columns = `id, user_key, node_id, platform, user, channel, CAST(text AS BLOB) AS text,
  due_at, created_at`;
/** When a reminder is due, as indexed. */
const dueAt = "coalesce(put_off_to, due_at)";

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
        `SELECT ${columns} FROM reminders WHERE ${dueAt} <= ?
         ORDER BY ${dueAt}, id LIMIT ?`,
        now,
        limit,
      ).map(toReminder)
    );
  }

  nextDueAt(): Promise<number | undefined> {
    return this.#sql.read(() => {
      const row = this.#sql.get(`SELECT min(${dueAt}) AS next FROM reminders`);
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

function toReminder(row: Row): Reminder {
  return {
    id: row.id as string,
    userKey: row.user_key as string,
    nodeId: row.node_id as string,
    platform: row.platform as string,
    user: JSON.parse(row.user as string),
    channel: JSON.parse(row.channel as string),
    text: blobText(row.text),
    dueAt: row.due_at as number,
    createdAt: row.created_at as number,
  };
}
