/**
 * The store that a restore put aside: under a name of its own beside the new one. Where a restore was cut
 * off, it is all that there is. Used by `snapshot` and by whoever opens a store.
 */

import { basename, dirname, join } from "node:path";
import { fileExists } from "../../../lib/files.ts";
import { StoreError } from "../../../domain/errors.ts";

/** What SQLite keeps beside a database; the log may hold what is not yet in it. */
const besides = ["-wal", "-shm"];
const mark = ".replaced-";

/** A store that is out of the way. */
export interface ReplacedStore {
  /** Its name now, if there was one. */
  readonly kept?: string;
  /** Gives it its old name back. */
  readonly undo: () => Promise<void>;
}

/** Gives a store another name, with its log. Where that fails it is as it was. */
export async function setAside(path: string, now: Date): Promise<ReplacedStore> {
  const name = `${path}${mark}${now.toISOString().replace(/[:.]/g, "-")}`;
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
    // The database first: while it has its name, its log is never missing.
    const found = await move(path, name);
    // A log alone is that of a store that a restore put aside before it was cut off.
    const owner = found ? name : replacedIn(dirname(path), basename(path)).at(-1) ?? name;
    for (const suffix of besides) {
      await move(path + suffix, (fileExists(owner + suffix) ? name : owner) + suffix);
    }
    return { ...(found && { kept: name }), undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

/**
 * Refuses a folder whose store is gone but for one that was put aside: a new one in its place would look as
 * if all were lost.
 *
 * @throws {StoreError} with what to do.
 */
export function assertNoInterruptedRestore(folder: string): void {
  const name = "gateway.db";
  if (fileExists(join(folder, name))) return;
  const kept = replacedIn(folder, name).at(-1);
  if (kept === undefined) return;
  const logs = besides.filter((suffix) => fileExists(kept + suffix));
  const along = logs.map((suffix) => `, and "${basename(kept)}${suffix}" to "${name}${suffix}"`);
  throw new StoreError(
    `Cannot find store "${
      join(folder, name)
    }", but "${kept}": a restore was cut off. Restore the ` +
      `copy again, or undo it: rename "${basename(kept)}" to "${name}"${
        along.join("")
      }. To begin ` +
      "with an empty store, move the old one to another folder.",
  );
}

/** The stores that were put aside in a folder, the oldest first. */
function replacedIn(folder: string, name: string): readonly string[] {
  try {
    return Array.from(Deno.readDirSync(folder), (entry) => entry.name)
      .filter((found) => found.startsWith(name + mark))
      .filter((found) => !besides.some((suffix) => found.endsWith(suffix)))
      .sort().map((found) => join(folder, found));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
