/** Backs up a store, even while a gateway is running, and restores backups. */

import { DatabaseSync } from "node:sqlite";
import { dirname, join } from "node:path";
import { ConfigError } from "../../../lib/config_error.ts";
import { errorText } from "../../../lib/error_text.ts";
import { fileExists } from "../../../lib/files.ts";
import { StoreError } from "../../../domain/errors.ts";
import { copyDatabase } from "./copy_database.ts";
import { InstanceLock } from "./instance_lock.ts";
import { assertKnownVersion } from "../schema/migrations.ts";
import { renameReplaced } from "./replaced_store.ts";

/** Contents of a backup. */
export interface SnapshotFigures {
  readonly bytes: number;
  readonly sessions: number;
  readonly historyLines: number;
}

/** How long to wait for a lock held by a running gateway, milliseconds. */
const busyTimeoutMs = 10_000;

/**
 * Writes a consistent copy of a folder's store to a file, atomically. Only the owner can read the file.
 *
 * @throws {ConfigError} if the file exists and `force` is false.
 * @throws {StoreError} if there is no store, it is unreadable, or the file cannot be written.
 */
export async function takeSnapshot(
  folder: string,
  { file, force = false }: { readonly file: string; readonly force?: boolean },
): Promise<SnapshotFigures> {
  const source = join(folder, "gateway.db");
  if (!fileExists(source)) {
    throw new StoreError(
      `Cannot back up "${folder}": it contains no store. Specify the data folder with --data-dir.`,
    );
  }
  if (!force && fileExists(file)) throw fileExistsError(file);
  const temporary = `${file}.${crypto.randomUUID()}.tmp`;
  try {
    // SQLite keeps the mode of an existing file, so create it first.
    await Deno.writeFile(temporary, new Uint8Array(), { mode: 0o600, createNew: true });
    copyStore(source, temporary);
    const figures = await inspectSnapshot(temporary);
    await flush(temporary);
    if (force) await Deno.rename(temporary, file);
    else await renameIfFree(temporary, file);
    await flush(file);
    return figures;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof StoreError) throw error;
    throw new StoreError(`Cannot back up "${source}" to "${file}": ${errorText(error)}`, {
      cause: error,
    });
  } finally {
    await Deno.remove(temporary).catch(() => {});
  }
}

/**
 * Checks a backup without changing it.
 *
 * @throws {StoreError} if it is damaged, from a newer program, or not a store.
 */
export async function inspectSnapshot(file: string): Promise<SnapshotFigures> {
  try {
    const { size } = await Deno.stat(file);
    using database = new ReadOnlyDatabase(file);
    const { sql } = database;
    assertKnownVersion(sql, file);
    const check = sql.prepare("PRAGMA integrity_check").all() as { integrity_check: string }[];
    const [first] = check;
    if (first?.integrity_check !== "ok") {
      throw new Error(`it is damaged: ${first?.integrity_check}`);
    }
    const known = sql.prepare("SELECT name FROM sqlite_schema WHERE name = 'history'").get();
    if (!known) throw new Error("it is a database of another program");
    const count = (table: string) =>
      Number(sql.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n);
    return { bytes: size, sessions: count("sessions"), historyLines: count("history") };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError(`Cannot use "${file}" as a backup: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/**
 * Replaces a folder's store with a backup. Returns the backup's figures and, as `kept`, the new path of the
 * old store, if any. If the process dies midway, the folder may contain only the renamed old store; the
 * gateway then refuses to start until a store is restored.
 *
 * @throws {StoreError} if the backup is invalid, a gateway uses the folder, or it is not writable. The
 * folder is then unchanged.
 */
export async function restoreSnapshot(
  file: string,
  { folder, now = new Date() }: { readonly folder: string; readonly now?: Date },
): Promise<SnapshotFigures & { readonly kept?: string }> {
  const figures = await inspectSnapshot(file);
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    using _lock = new InstanceLock(folder);
    await setOwner(folder, join(folder, "gateway.lock"));
    const target = join(folder, "gateway.db");
    const temporary = join(folder, `gateway.db.${crypto.randomUUID()}.tmp`);
    try {
      await Deno.writeFile(temporary, new Uint8Array(), { mode: 0o600, createNew: true });
      await Deno.copyFile(file, temporary);
      await setOwner(folder, temporary);
      await flush(temporary);
      const { kept, undo } = await renameReplaced(target, now);
      try {
        await Deno.rename(temporary, target);
      } catch (error) {
        await undo();
        throw error;
      }
      await flush(target);
      return { ...figures, ...(kept && { kept }) };
    } finally {
      await Deno.remove(temporary).catch(() => {});
    }
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError(`Cannot restore "${file}" into "${folder}": ${errorText(error)}`, {
      cause: error,
    });
  }
}

function copyStore(from: string, to: string): void {
  using source = new ReadOnlyDatabase(from);
  assertKnownVersion(source.sql, from);
  const target = new DatabaseSync(to);
  try {
    // No journal is needed: the copy is used only once it is complete and flushed.
    target.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    copyDatabase(source.sql, target);
  } finally {
    target.close();
  }
}

/** A database opened read-only. */
class ReadOnlyDatabase implements Disposable {
  readonly sql: DatabaseSync;

  constructor(path: string) {
    this.sql = new DatabaseSync(path, { readOnly: true });
    this.sql.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  }

  [Symbol.dispose](): void {
    this.sql.close();
  }
}

/** Makes a file private to its owner. When run as root, changes the owner to the folder's (the service user). */
async function setOwner(folder: string, file: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  await Deno.chmod(file, 0o600);
  if (Deno.uid() !== 0) return;
  const { uid, gid } = await Deno.stat(folder);
  await Deno.chown(file, uid, gid);
}

/** Renames a file. Never replaces an existing one if the file system supports hard links. */
async function renameIfFree(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || fileExists(to)) throw fileExistsError(to);
    await Deno.rename(from, to);
  }
}

/** Flushes a file and its folder entry to disk. */
async function flush(path: string): Promise<void> {
  for (const each of [path, dirname(path)]) {
    // Windows cannot open folders.
    if (Deno.build.os === "windows" && each !== path) continue;
    using opened = await Deno.open(each);
    await opened.sync();
  }
}

function fileExistsError(file: string): ConfigError {
  return new ConfigError(
    `Cannot write "${file}": it already exists. Choose another name, or use --force.`,
  );
}
