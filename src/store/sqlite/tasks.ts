/** Tasks and runs in SQLite. */

import type {
  NewRun,
  Run,
  RunKind,
  RunResult,
  RunStore,
  TaskKey,
  TaskState,
  TaskStore,
} from "../run_store.ts";
import { blobText, type Row, type SqliteConnection } from "./connection.ts";

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
    return this.#sql.write(() => keys.map((key) => this.#register(key, now)));
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

  #register({ name, digest }: TaskKey, now: number): TaskState {
    // The cursor belongs to the old schedule; the counts do not.
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

/** Columns for {@linkcode toRun}. */
const columns = `id, kind, name, trigger, started_at, duration_ms, exit_code,
  CAST(output AS BLOB) AS output, CAST(error AS BLOB) AS error`;

/** The table `runs`. */
export class SqliteRuns implements RunStore {
  readonly #sql: SqliteConnection;

  constructor(sql: SqliteConnection) {
    this.#sql = sql;
  }

  add(run: NewRun, { keep }: { readonly keep: number }): Promise<number> {
    return this.#sql.write(() => insertRun(this.#sql, run, keep));
  }

  finish(id: number, result: RunResult): Promise<void> {
    return this.#sql.write(() => {
      this.#sql.run(
        "UPDATE runs SET duration_ms = ?, exit_code = ?, output = ?, error = ? WHERE id = ?",
        ...valuesOf(result),
        id,
      );
    });
  }

  recent(
    { kind, name, limit }: {
      readonly kind: RunKind;
      readonly name?: string;
      readonly limit: number;
    },
  ): Promise<readonly Run[]> {
    const named = name === undefined ? [] : [name];
    return this.#sql.read(() =>
      this.#sql.all(
        `SELECT ${columns} FROM runs WHERE kind = ? ${name === undefined ? "" : "AND name = ?"}
         ORDER BY id DESC LIMIT ?`,
        kind,
        ...named,
        limit,
      ).map(toRun)
    );
  }

  closeInterrupted(result: RunResult): Promise<readonly Run[]> {
    return this.#sql.write(() =>
      this.#sql.all(
        `UPDATE runs SET duration_ms = ?, exit_code = ?, output = ?, error = ?
         WHERE duration_ms IS NULL RETURNING ${columns}`,
        ...valuesOf(result),
      ).map(toRun)
    );
  }
}

/** Adds a run and deletes all but the newest `keep`, inside a transaction. */
function insertRun(sql: SqliteConnection, run: NewRun, keep: number): number {
  const values = run.result ? valuesOf(run.result) : [null, null, null, null];
  const id = sql.run(
    `INSERT INTO runs (kind, name, trigger, started_at, duration_ms, exit_code, output, error)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    run.kind,
    run.name,
    run.trigger,
    run.startedAt,
    ...values,
  ).lastInsertRowid as number;
  sql.run(
    `DELETE FROM runs WHERE kind = ? AND name = ? AND id <= (
       SELECT id FROM runs WHERE kind = ? AND name = ? ORDER BY id DESC LIMIT 1 OFFSET ?)`,
    run.kind,
    run.name,
    run.kind,
    run.name,
    keep,
  );
  return id;
}

function valuesOf({ durationMs, exitCode, output, error }: RunResult) {
  return [durationMs, exitCode ?? null, output, error ?? null];
}

function toTaskState(row: Row): TaskState {
  return {
    name: row.name as string,
    digest: row.digest as string,
    anchorAt: row.anchor_at as number,
    cursorAt: (row.cursor_at ?? undefined) as number | undefined,
    lastRunAt: (row.last_run_at ?? undefined) as number | undefined,
    runCount: row.run_count as number,
  };
}

function toRun(row: Row): Run {
  const result = row.duration_ms === null ? undefined : {
    durationMs: row.duration_ms as number,
    exitCode: (row.exit_code ?? undefined) as number | undefined,
    output: blobText(row.output),
    error: row.error === null ? undefined : blobText(row.error),
  };
  return {
    id: row.id as number,
    kind: row.kind as RunKind,
    name: row.name as string,
    trigger: row.trigger as string,
    startedAt: row.started_at as number,
    result,
  };
}
