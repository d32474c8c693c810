/**
 * A restore renames the old store instead of deleting it. After an interrupted restore, the renamed store
 * may be the only one.
 */

import { basename, dirname, join } from "node:path";
import { fileExists } from "../../../lib/files.ts";
import { StoreError } from "../../../domain/errors.ts";

/** Suffixes of SQLite's files next to a database. The log may contain data that the database does not. */
const sidecars = ["-wal", "-shm"];
const infix = ".replaced-";

/** A store that was renamed. */
export interface ReplacedStore {
  /** Its new path. Unset if there was no store. */
  readonly kept?: string;
  /** Restores the old name. */
  readonly undo: () => Promise<void>;
}

/** Renames a store and its log. On failure, nothing is changed. */
export async function renameReplaced(path: string, now: Date): Promise<ReplacedStore> {
  const name = `${path}${infix}${now.toISOString().replace(/[:.]/g, "-")}`;
  const moved: { readonly from: string; readonly to: string }[] = [];
  const undo = async () => {
    for (const { from, to } of moved.toReversed()) await Deno.rename(to, from);
  };
  const move = async (from: string, to: string) => {
    if (!fileExists(from)) return false;
    await Deno.rename(from, to);
    moved.push({ from, to });
    return true;
  };
  try {
    // The database first: under its original name, it must never be without its log.
    const found = await move(path, name);
    // A log without a database belongs to the store that an interrupted restore renamed.
    const owner = found ? name : findReplaced(dirname(path), basename(path)).at(-1) ?? name;
    for (const suffix of sidecars) {
      await move(path + suffix, (fileExists(owner + suffix) ? name : owner) + suffix);
    }
    return { ...(found && { kept: name }), undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

/**
 * Rejects a folder whose only store is a renamed one: with a new, empty store, all data would seem lost.
 *
 * @throws {StoreError} with recovery instructions, after an interrupted restore.
 */
export function assertNoInterruptedRestore(folder: string): void {
  const name = "gateway.db";
  if (fileExists(join(folder, name))) return;
  const kept = findReplaced(folder, name).at(-1);
  if (kept === undefined) return;
  const logs = sidecars.filter((suffix) => fileExists(kept + suffix));
  const withLogs = logs.map((suffix) => `, and "${basename(kept)}${suffix}" to "${name}${suffix}"`);
  throw new StoreError(
    `Cannot find store "${
      join(folder, name)
    }", but "${kept}": a restore was interrupted. Restore the ` +
      `copy again, or undo it: rename "${basename(kept)}" to "${name}"${
        withLogs.join("")
      }. To start ` +
      "with an empty store, move the old one to another folder.",
  );
}

/** Returns the renamed stores in a folder, oldest first. */
function findReplaced(folder: string, name: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), (entry) => entry.name)
      .filter((found) => found.startsWith(name + infix))
      .filter((found) => !sidecars.some((suffix) => found.endsWith(suffix)))
      .sort().map((found) => join(folder, found));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
