/**
 * One SQLite file: the write-ahead log, every commit on the disk before it is reported, one process
 * at a time. Reads see all that was committed; writes go through the group commit.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { join } from "node:path";
import type { SyncMode } from "../../config/gateway_config.ts";
import { StoreError } from "../../domain/errors.ts";
import { GroupCommit } from "./group_commit.ts";
import { InstanceLock } from "./files/instance_lock.ts";
import { assertKnownVersion, migrate } from "./schema/migrate.ts";
import { assertNoInterruptedRestore } from "./files/replaced_store.ts";
import type { Row } from "./rows.ts";

type Value = string | number | null | Uint8Array;

/** How a store is opened. */
export interface ConnectionOptions {
  /** Default: `full`. */
  readonly sync?: SyncMode;
}

export class SqliteConnection implements Disposable {
  readonly #database: DatabaseSync;
  readonly #lock: InstanceLock;
  readonly #writes: GroupCommit;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws {StoreError} when the folder is in use, cannot be written, or its store cannot be read. */
  static open(folder: string, { sync = "full" }: ConnectionOptions = {}): SqliteConnection {
    try {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StoreError(`Cannot make data folder "${folder}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    const lock = new InstanceLock(folder);
    const path = join(folder, "gateway.db");
    let database: DatabaseSync | undefined;
    try {
      assertNoInterruptedRestore(folder);
      inspect(path);
      database = new DatabaseSync(path);
      // Deno 2.4 waits five seconds for a lock of another program, and everybody would wait with it.
      database.exec("PRAGMA busy_timeout = 0");
      // What is deleted is overwritten, not only marked as free: users may want to be forgotten. That
      // goes for the tables that a migration drops, too.
      database.exec("PRAGMA secure_delete = ON");
      migrate(database);
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${sync}; PRAGMA foreign_keys = ON; ` +
          // 16 MiB of log before it is merged: pages that change with each turn are merged once.
          "PRAGMA wal_autocheckpoint = 4000",
      );
      return new SqliteConnection(database, lock);
    } catch (error) {
      database?.close();
      lock[Symbol.dispose]();
      if (error instanceof StoreError) throw error;
      throw new StoreError(
        `Cannot open store "${path}": ${(error as Error).message}. The file was left as it is.`,
        { cause: error },
      );
    }
  }

  private constructor(database: DatabaseSync, lock: InstanceLock) {
    this.#database = database;
    this.#lock = lock;
    this.#writes = new GroupCommit(database);
  }

  /** Runs `write` in the next group commit; resolves when it is durable. */
  write<T>(write: () => T): Promise<T> {
    return this.#writes.run(write).catch((error) => {
      throw new StoreError(`Cannot write to the store: ${(error as Error).message}`, {
        cause: error,
        lasting: isRefusal(error),
      });
    });
  }

  /** Runs `read` on what is committed. */
  read<T>(read: () => T): Promise<T> {
    try {
      return Promise.resolve(read());
    } catch (error) {
      return Promise.reject(
        new StoreError(`Cannot read the store: ${(error as Error).message}`, { cause: error }),
      );
    }
  }

  /** Runs one statement that changes rows. */
  run(sql: string, ...values: Value[]) {
    return this.#prepare(sql).run(...values);
  }

  /** The first row, or undefined. */
  get(sql: string, ...values: Value[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  /** All rows. */
  all(sql: string, ...values: Value[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Each statement is prepared once, when it is first used. */
  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#database.prepare(sql));
    return statement;
  }

  [Symbol.dispose](): void {
    this.#writes.flush();
    this.#database.close();
    this.#lock[Symbol.dispose]();
  }
}

/** SQLite's codes for values that no column takes: too big, against a constraint, of another type. */
const refusals: readonly unknown[] = [18, 19, 20];

/** Whether it is what was written that is wrong, and not the disk. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  const { errcode } = error as { readonly errcode?: number };
  return errcode !== undefined && refusals.includes(errcode & 0xff);
}

/**
 * Looks at a file that may not be ours to open: one that is no database or is newer than this program
 * throws here. Read-only, since closing a writable connection would merge a log that was left behind.
 */
function inspect(path: string): void {
  try {
    Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    assertKnownVersion(database, path);
  } finally {
    database.close();
  }
}
