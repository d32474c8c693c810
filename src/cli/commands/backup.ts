/** The commands `backup` and `restore`: a copy of the store into a file, and back. */

import { resolve } from "node:path";
import { type Flags, readDataDir } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import {
  restoreSnapshot,
  type SnapshotFigures,
  takeSnapshot,
} from "../../store/sqlite/files/snapshot.ts";

/** Copies the store into a file, also while the gateway runs. Gives the exit code. */
export async function backup(args: readonly string[], flags: Flags): Promise<number> {
  const file = fileOf("backup", args);
  const folder = readDataDir(flags);
  const figures = await takeSnapshot(folder, { file, force: flags.force === true });
  console.log(`Backed up ${folder} to ${file}: ${summary(figures)}`);
  return 0;
}

/** Puts such a copy in place; the store that was there is kept. Gives the exit code. */
export async function restore(args: readonly string[], flags: Flags): Promise<number> {
  const file = fileOf("restore", args);
  const folder = readDataDir(flags);
  const { kept, ...figures } = await restoreSnapshot(file, { folder });
  console.log(`Restored ${file} into ${folder}: ${summary(figures)}`);
  if (kept) console.log(`The store that was there is now ${kept}`);
  return 0;
}

function fileOf(command: string, args: readonly string[]): string {
  const [file, ...rest] = args;
  if (file === undefined || file === "" || rest.length > 0) {
    throw new ConfigError(`Usage: clara-gateway ${command} FILE [--data-dir DIR]`);
  }
  return resolve(file);
}

function summary({ bytes, sessions, historyLines }: SnapshotFigures): string {
  return `${sessions} sessions, ${historyLines} lines of history, ${(bytes / 1e6).toFixed(1)} MB`;
}
