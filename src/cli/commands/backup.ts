/** The commands `backup` and `restore`: copy the store to a file and back. */

import { resolve } from "node:path";
import { type Flags, readDataDir } from "../../config/config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import {
  restoreSnapshot,
  type SnapshotFigures,
  takeSnapshot,
} from "../../store/sqlite/files/snapshot.ts";

/** Runs `backup FILE`, even while the gateway is running. */
export async function backup(flags: Flags, words: readonly string[]): Promise<number> {
  const file = fileOf("backup", words);
  const folder = readDataDir(flags);
  const figures = await takeSnapshot(folder, { file, force: flags.force === true });
  console.log(`Backed up ${folder} to ${file}: ${summary(figures)}`);
  return 0;
}

/** Runs `restore FILE`. The previous store is kept. */
export async function restore(flags: Flags, words: readonly string[]): Promise<number> {
  const file = fileOf("restore", words);
  const folder = readDataDir(flags);
  const { kept, ...figures } = await restoreSnapshot(file, { folder });
  console.log(`Restored ${file} to ${folder}: ${summary(figures)}`);
  if (kept) console.log(`The previous store was renamed to ${kept}`);
  return 0;
}

function fileOf(command: string, [file]: readonly string[]): string {
  if (file) return resolve(file);
  throw new ConfigError(`Usage: clara-gateway ${command} FILE [--data-dir DIR]`);
}

function summary({ bytes, sessions, historyLines }: SnapshotFigures): string {
  return `${sessions} sessions, ${historyLines} lines of history, ${(bytes / 1e6).toFixed(1)} MB`;
}
