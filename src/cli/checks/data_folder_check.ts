/** Checks the data folder: it can be written, others cannot read it, the disk has room. Called by `doctor`. */

import { statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type CheckContext, error, type Finding, ok, warning } from "./check.ts";

const MiB = 1024 * 1024;
/** Less free space than this is told. */
const littleBytes = 500 * MiB;
const tooLittleBytes = 20 * MiB;

export function checkDataFolder({ daemon: { dataDir } }: CheckContext): readonly Finding[] {
  const there = nearestFolder(dataDir);
  const probe = join(there, `.clara-doctor-${crypto.randomUUID()}`);
  try {
    Deno.writeTextFileSync(probe, "");
    Deno.removeSync(probe);
  } catch (thrown) {
    return error(
      `Cannot write into "${there}": ${(thrown as Error).message}. ` +
        "Give this user the right to, or choose another folder with --data-dir.",
    );
  }
  const what = there === dataDir ? dataDir : `${dataDir} (will be made)`;
  return [...ok(what), ...checkMode(dataDir, there), ...checkSpace(there)];
}

function checkMode(dataDir: string, there: string): readonly Finding[] {
  const { mode } = Deno.statSync(there);
  if (there !== dataDir || mode === null || (mode & 0o007) === 0) return [];
  return warning(`"${dataDir}" can be read by every user of this machine: chmod o-rwx it`);
}

function checkSpace(folder: string): readonly Finding[] {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${Math.round(free / MiB)} MiB are free on the disk`;
  if (free < tooLittleBytes) return error(`${text}: make room, or messages will be refused`);
  return free < littleBytes ? warning(`${text}: make room soon`) : ok(text);
}

/** The folder itself, or the nearest one above it that is there. */
function nearestFolder(path: string): string {
  try {
    Deno.statSync(path);
    return path;
  } catch (thrown) {
    const parent = dirname(path);
    if (thrown instanceof Deno.errors.NotFound && parent !== path) return nearestFolder(parent);
    throw thrown;
  }
}
