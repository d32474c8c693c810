/** Runs on SQLite. See run_store.ts for what each method promises. */

import type { NewRun, Run, RunKind, RunResult, RunStore } from "../run_store.ts";
import type { SqliteConnection } from "./connection.ts";
import { toRun } from "./rows.ts";

/** What rows.toRun reads; texts as bytes, since the driver of Deno 2.4 cuts them at a NUL. */
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

/** Adds a row within a transaction, and drops what is too old. */
export function insertRun(sql: SqliteConnection, run: NewRun, keep: number): number {
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
