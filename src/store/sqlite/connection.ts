/**
 * Connection to the SQLite database of a data folder. Reads see all committed data; writes share
 * transactions through {@linkcode GroupCommit} and resolve when they are durable.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { join } from "node:path";
import type { SyncMode } from "../../config/gateway_config.ts";
import { StoreError } from "../../domain/errors.ts";
import { FileGuard } from "./files/file_guard.ts";
import { InstanceLock } from "./files/instance_lock.ts";
import { assertNoInterruptedRestore } from "./files/replaced_store.ts";
import { GroupCommit } from "./group_commit.ts";
import { assertKnownVersion, migrate } from "./schema/migrations.ts";

/** A row as the driver returns it. */
export type Row = Readonly<Record<string, Value>>;

type Value = string | number | null | Uint8Array;

/** Options of {@linkcode SqliteConnection.open}. */
export interface ConnectionOptions {
  /** `PRAGMA synchronous`. Default: `full`. */
  readonly sync?: SyncMode;
}

/** An open database, locked for this process. */
export class SqliteConnection implements Disposable {
  readonly #database: DatabaseSync;
  readonly #lock: InstanceLock;
  readonly #files: FileGuard;
  readonly #writes: GroupCommit;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Opens the database of a folder. Creates both if they do not exist.
   *
   * @throws {StoreError} if another process uses the folder, it is not writable, or its store is
   * unreadable.
   */
  static open(folder: string, { sync = "full" }: ConnectionOptions = {}): SqliteConnection {
    try {
      Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new StoreError(`Cannot create data folder "${folder}": ${(error as Error).message}`, {
        cause: error,
      });
    }
    const lock = new InstanceLock(folder);
    const path = join(folder, "gateway.db");
    let database: DatabaseSync | undefined;
    try {
      assertNoInterruptedRestore(folder);
      assertReadable(path);
      database = new DatabaseSync(path);
      // By default, Deno 2.4 blocks the process for five seconds while another program holds a lock.
      database.exec("PRAGMA busy_timeout = 0");
      // Overwrites deleted data, so that a deleted user leaves no trace. Set before the migrations,
      // because they drop tables.
      database.exec("PRAGMA secure_delete = ON");
      migrate(database);
      database.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${sync}; PRAGMA foreign_keys = ON; ` +
          // Checkpoint after 16 MiB: pages that change with every turn are then copied only once.
          "PRAGMA wal_autocheckpoint = 4000",
      );
      return new SqliteConnection(database, lock, new FileGuard(path));
    } catch (error) {
      database?.close();
      lock[Symbol.dispose]();
      if (error instanceof StoreError) throw error;
      throw new StoreError(
        `Cannot open store "${path}": ${(error as Error).message}. The file was not changed.`,
        { cause: error },
      );
    }
  }

  private constructor(database: DatabaseSync, lock: InstanceLock, files: FileGuard) {
    this.#database = database;
    this.#lock = lock;
    this.#files = files;
    this.#writes = new GroupCommit(database, () => files.assertUnchanged());
  }

  /**
   * Runs `write` in the next group commit. Resolves when it is durable.
   *
   * @throws {StoreError} `lasting` if SQLite rejects the data itself.
   */
  write<T>(write: () => T): Promise<T> {
    return this.#writes.run(write).catch((error) => {
      throw new StoreError(`Cannot write to the store: ${(error as Error).message}`, {
        cause: error,
        lasting: isDataError(error),
      });
    });
  }

  /** Runs `read` on the committed data. @throws {StoreError} if SQLite cannot read. */
  read<T>(read: () => T): Promise<T> {
    try {
      return Promise.resolve(read());
    } catch (error) {
      return Promise.reject(
        new StoreError(`Cannot read the store: ${(error as Error).message}`, { cause: error }),
      );
    }
  }

  /** @throws {Error} if the files of the database were removed or replaced since they were opened. */
  assertPresent(): void {
    this.#files.assertUnchanged();
  }

  /** Runs a statement that changes rows. */
  run(sql: string, ...values: Value[]) {
    return this.#prepare(sql).run(...values);
  }

  /** Returns the first row, if any. */
  get(sql: string, ...values: Value[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  /** Returns all rows. */
  all(sql: string, ...values: Value[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Prepares each statement once. */
  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.#database.prepare(sql));
    return statement;
  }

  [Symbol.dispose](): void {
    this.#writes.flush();
    this.#database.close();
    this.#files[Symbol.dispose]();
    this.#lock[Symbol.dispose]();
  }
}

/** Decodes text selected as a BLOB: as TEXT, the driver of Deno 2.4 would cut it at a NUL. */
export function blobText(bytes: Value | undefined): string {
  return decoder.decode(bytes as Uint8Array);
}

const decoder = new TextDecoder();

/** SQLITE_TOOBIG, SQLITE_CONSTRAINT and SQLITE_MISMATCH. */
const dataErrors: readonly unknown[] = [18, 19, 20];

/** Whether SQLite rejected the data, rather than failed to write it. */
function isDataError(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  const { errcode } = error as { readonly errcode?: number };
  return errcode !== undefined && dataErrors.includes(errcode & 0xff);
}

/**
 * Checks that a file is a database of a known version. Opens it read-only, because closing a writable
 * connection would checkpoint a log that a killed process left behind.
 */
function assertReadable(path: string): void {
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
