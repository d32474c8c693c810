/**
 * Copies of a store: taken while a gateway runs on it, from another process, and put in place while none
 * does. Used by the commands `backup` and `restore`.
 */

import { DatabaseSync } from "node:sqlite";
import { dirname, join } from "node:path";
import { ConfigError } from "../../../lib/config_error.ts";
import { errorText } from "../../../lib/error_text.ts";
import { fileExists } from "../../../lib/files.ts";
import { StoreError } from "../../../domain/errors.ts";
import { copyDatabase } from "./copy_database.ts";
import { InstanceLock } from "./instance_lock.ts";
import { assertKnownVersion } from "../schema/migrate.ts";
import { setAside } from "./replaced_store.ts";

/** What a copy holds. */
export interface SnapshotFigures {
  readonly bytes: number;
  readonly sessions: number;
  readonly historyLines: number;
}

/** How long to wait for a lock of the running gateway, milliseconds. */
const busyMs = 10_000;

/**
 * Writes a consistent copy of a folder's store into a file, all at once or not at all; what is written
 * meanwhile is not in it. The file is for its owner only.
 *
 * @throws {ConfigError} where the file is there already (without `force`); {@linkcode StoreError} where
 * there is no store, or it cannot be read or written.
 */
export async function takeSnapshot(
  folder: string,
  { file, force = false }: { readonly file: string; readonly force?: boolean },
): Promise<SnapshotFigures> {
  const source = join(folder, "gateway.db");
  if (!fileExists(source)) {
    throw new StoreError(`Cannot back up "${folder}": it holds no store. Name it with --data-dir.`);
  }
  if (!force && fileExists(file)) throw alreadyThere(file);
  const temporary = `${file}.${crypto.randomUUID()}.tmp`;
  try {
    // SQLite writes into an empty file that is there, and so keeps its mode.
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
 * Looks whether a file is a whole copy of a store that this program can use. It is only read.
 *
 * @throws {StoreError} where it is not, with what is wrong.
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
    if (!known) throw new Error("it is the database of another program");
    const count = (table: string) =>
      Number(sql.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n);
    return { bytes: size, sessions: count("sessions"), historyLines: count("history") };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError(`Cannot use "${file}" as a copy of a store: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/**
 * Puts a copy in place as a folder's store; gives its figures and the name under which the store that was
 * there is kept, if there was one.
 *
 * @throws {StoreError} where the copy is not whole or too new, a gateway runs on the folder, or it cannot
 * be written; then the folder is as it was. Where the process dies in between, the folder may have no store
 * but the one that was put aside: no gateway starts on it.
 */
export async function restoreSnapshot(
  file: string,
  { folder, now = new Date() }: { readonly folder: string; readonly now?: Date },
): Promise<SnapshotFigures & { readonly kept?: string }> {
  const figures = await inspectSnapshot(file);
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    using _lock = new InstanceLock(folder);
    await giveTo(folder, join(folder, "gateway.lock"));
    const target = join(folder, "gateway.db");
    const temporary = join(folder, `gateway.db.${crypto.randomUUID()}.tmp`);
    try {
      await Deno.writeFile(temporary, new Uint8Array(), { mode: 0o600, createNew: true });
      await Deno.copyFile(file, temporary);
      await giveTo(folder, temporary);
      await flush(temporary);
      const { kept, undo } = await setAside(target, now);
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
    // Nobody sees the copy before it is whole and on the disk.
    target.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    copyDatabase(source.sql, target);
  } finally {
    target.close();
  }
}

/** A database that is only read. */
class ReadOnlyDatabase implements Disposable {
  readonly sql: DatabaseSync;

  constructor(path: string) {
    this.sql = new DatabaseSync(path, { readOnly: true });
    this.sql.exec(`PRAGMA busy_timeout = ${busyMs}`);
  }

  [Symbol.dispose](): void {
    this.sql.close();
  }
}

/** Makes a file its owner's only, and where root calls, the owner that of the folder: a service's user. */
async function giveTo(folder: string, file: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  await Deno.chmod(file, 0o600);
  if (Deno.uid() !== 0) return;
  const { uid, gid } = await Deno.stat(folder);
  await Deno.chown(file, uid, gid);
}

/** Renames without replacing anything that came there meanwhile, where the file system can. */
async function renameIfFree(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || fileExists(to)) throw alreadyThere(to);
    await Deno.rename(from, to);
  }
}

/** Waits until a file is on the disk; for one in a folder that needs the folder's entry, too. */
async function flush(path: string): Promise<void> {
  for (const each of [path, dirname(path)]) {
    // Windows opens no folders.
    if (Deno.build.os === "windows" && each !== path) continue;
    using opened = await Deno.open(each);
    await opened.sync();
  }
}

function alreadyThere(file: string): ConfigError {
  return new ConfigError(
    `Cannot write "${file}": it is there already. Choose another name, or say --force.`,
  );
}
