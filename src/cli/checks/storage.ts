/** Checks the data folder and the store. */

import { statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileExists } from "../../lib/file_exists.ts";
import { refuseNewer } from "../../store/sqlite/schema/migrate.ts";
import { type CheckContext, error, type Finding, ok, warning } from "./check.ts";

const MiB = 1024 * 1024;
/** Less free space than this is a warning. */
const lowSpaceBytes = 500 * MiB;
/** Less free space than this is an error. */
const minSpaceBytes = 20 * MiB;
/** How many problems of a damaged store are listed. */
const maxProblems = 5;

/** The data folder must be writable, should be private, and its disk must have space. */
export function checkDataFolder({ daemon: { dataDir } }: CheckContext): readonly Finding[] {
  const folder = nearestExisting(dataDir);
  const probe = join(folder, `.clara-doctor-${crypto.randomUUID()}`);
  try {
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  } catch (thrown) {
    return error(
      `Cannot write to "${folder}": ${(thrown as Error).message}. ` +
        "Give this user write access, or choose another folder with --data-dir.",
    );
  }
  const text = folder === dataDir ? dataDir : `${dataDir} (will be created)`;
  return [
    ...ok(text),
    ...folder === dataDir ? checkMode(dataDir) : [],
    ...checkSpace(folder),
  ];
}

function checkMode(dataDir: string): readonly Finding[] {
  const { mode } = Deno.statSync(dataDir);
  if (mode === null || (mode & 0o007) === 0) return [];
  return warning(`"${dataDir}" can be read by every user of this machine; run chmod o-rwx on it`);
}

function checkSpace(folder: string): readonly Finding[] {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${Math.round(free / MiB)} MiB of disk space are free`;
  if (free < minSpaceBytes) return error(`${text}: free some, or messages will be refused`);
  return free < lowSpaceBytes ? warning(`${text}: free some soon`) : ok(text);
}

/** The folder itself, or its nearest parent that exists. */
function nearestExisting(path: string): string {
  const parent = dirname(path);
  return parent === path || fileExists(path) ? path : nearestExisting(parent);
}

/** Checks the integrity of the store read-only, even while a gateway uses it. */
export function checkStore({ daemon: { dataDir } }: CheckContext): readonly Finding[] {
  const path = join(dataDir, "gateway.db");
  if (!fileExists(path)) return ok("does not exist yet");
  try {
    const { size } = Deno.statSync(path);
    const problems = findProblems(path);
    if (problems.length === 0) return ok(`${path}: ${(size / MiB).toFixed(1)} MiB, intact`);
    return error(`"${path}" is damaged: ${problems.join("; ")}. Restore a backup.`);
  } catch (thrown) {
    return error(`Cannot read store "${path}": ${(thrown as Error).message}`);
  }
}

/** What SQLite finds wrong with a store. @throws if it cannot be read. */
function findProblems(path: string): readonly string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    refuseNewer(database, path);
    const rows = database.prepare(`PRAGMA integrity_check(${maxProblems})`).all();
    return rows.map((row) => String(row.integrity_check)).filter((text) => text !== "ok");
  } finally {
    database.close();
  }
}
