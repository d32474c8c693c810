import type { NewRun, TaskKey, TaskState, TaskStore } from "../run_store.ts";
import type { SqliteConnection } from "./connection.ts";
import { toTaskState } from "./rows.ts";
import { insertRun } from "./runs.ts";

/** The table `tasks`. */
export class SqliteTasks implements TaskStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  register(
    keys: readonly TaskKey[],
    { now }: { readonly now: number },
  ): Promise<readonly TaskState[]> {
    return this.#sql.write(() => keys.map((key) => this.#open(key, now)));
  }

  claim(
    { name, digest }: TaskKey,
    { fireAt, run, keep }: {
      readonly fireAt?: number;
      readonly run: NewRun;
      readonly keep: number;
    },
  ): Promise<number | undefined> {
    return this.#sql.write(() => {
      const handled = fireAt ?? null;
      const { changes } = this.#sql.run(
        `UPDATE tasks SET cursor_at = coalesce(?, cursor_at), last_run_at = ?,
           run_count = run_count + 1
         WHERE name = ? AND digest = ? AND (? IS NULL OR cursor_at IS NULL OR cursor_at < ?)`,
        handled,
        run.startedAt,
        name,
        digest,
        handled,
        handled,
      );
      return changes === 1 ? insertRun(this.#sql, run, keep) : undefined;
    });
  }

  skip({ name, digest }: TaskKey, { fireAt }: { readonly fireAt: number }): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run(
        `UPDATE tasks SET cursor_at = ?
         WHERE name = ? AND digest = ? AND (cursor_at IS NULL OR cursor_at < ?)`,
        fireAt,
        name,
        digest,
        fireAt,
      );
    });
  }

  reanchor({ name, digest }: TaskKey, { anchorAt }: { readonly anchorAt: number }): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run(
        "UPDATE tasks SET anchor_at = ?, cursor_at = NULL WHERE name = ? AND digest = ?",
        anchorAt,
        name,
        digest,
      );
    });
  }

  #open({ name, digest }: TaskKey, now: number): TaskState {
    // What was counted goes on; what was handled is the old schedule's.
    this.#sql.run(
      `INSERT INTO tasks (name, digest, anchor_at) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, anchor_at = excluded.anchor_at,
         cursor_at = NULL WHERE digest <> excluded.digest`,
      name,
      digest,
      now,
    );
    return toTaskState(this.#sql.get("SELECT * FROM tasks WHERE name = ?", name)!);
  }
}
