/**
 * The users' saved files: one flat folder per user under the data folder, with a quota. Links are
 * never followed, since something else may have put them into a folder.
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { byteSize } from "../lib/bytes.ts";

const MiB = 1024 * 1024;
/** The longest file name, bytes of UTF-8; common file systems allow no more. */
const maxNameBytes = 255;

/** Options of {@linkcode UserFiles}. */
export interface UserFilesOptions {
  /** Contains the users' folders; created on first use. */
  readonly root: string;
  /** Total size of one user's files, bytes. Default: 100 MiB. */
  readonly quotaBytes?: number;
  /** Number of files per user. Default: 1000. */
  readonly maxFiles?: number;
}

/** A file of a user. */
export interface UserFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** Begins the name of a file that is being written; no saved file can have such a name. */
const unfinishedPrefix = ".writing-";

export class UserFiles {
  readonly #root: string;
  readonly #quotaBytes: number;
  readonly #maxFiles: number;
  /** The last write to each folder. Writes are serialized, so that they cannot exceed the quota together. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor({ root, quotaBytes = 100 * MiB, maxFiles = 1000 }: UserFilesOptions) {
    this.#root = root;
    this.#quotaBytes = quotaBytes;
    this.#maxFiles = maxFiles;
  }

  /**
   * Writes a file; replaces one of the same name.
   *
   * @throws {Error} if the name is invalid or the quota is exceeded.
   */
  save(userKey: string, name: string, bytes: Uint8Array): Promise<UserFile> {
    return this.#serialize(userKey, async (folder) => {
      checkFileName(name);
      // The operator may make the root a link.
      await Deno.mkdir(this.#root, { recursive: true, mode: 0o700 });
      await makeFolder(folder);
      await removeUnfinished(folder);
      const others = (await listFolder(folder)).filter((file) => file.name !== name);
      this.#checkQuota(others, bytes.length);
      const path = join(folder, name);
      await assertRegularFile(path, name);
      const unfinished = join(folder, unfinishedPrefix + crypto.randomUUID());
      try {
        await Deno.writeFile(unfinished, bytes, { createNew: true, mode: 0o600 });
        await Deno.rename(unfinished, path);
      } catch (error) {
        await Deno.remove(unfinished).catch(() => {});
        throw error;
      }
      return { name, size: bytes.length, modifiedAt: Date.now() };
    });
  }

  /** Lists a user's files by name. */
  async list(userKey: string): Promise<readonly UserFile[]> {
    const folder = this.#folderOf(userKey);
    if (!await isFolder(folder)) return [];
    return (await listFolder(folder)).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Reads a file. @throws {Error} if there is no regular file of this name. */
  async read(userKey: string, name: string): Promise<Uint8Array> {
    const path = await this.#existing(userKey, name);
    const before = await Deno.lstat(path);
    using file = await Deno.open(path, { read: true });
    const opened = await file.stat();
    // It may have been replaced by a link since the check.
    if (!opened.isFile || opened.ino !== before.ino || opened.dev !== before.dev) {
      throw new Error(`Cannot read "${name}": it was replaced while it was being opened`);
    }
    if (opened.size > this.#quotaBytes) {
      throw new Error(`Cannot read "${name}": it is too large (${byteSize(opened.size)})`);
    }
    return new Uint8Array(await new Response(file.readable).arrayBuffer());
  }

  /** Deletes a file. @throws {Error} if there is no regular file of this name. */
  remove(userKey: string, name: string): Promise<void> {
    return this.#serialize(userKey, async () => Deno.remove(await this.#existing(userKey, name)));
  }

  /** Deletes all files of a user; returns how many. */
  removeAll(userKey: string): Promise<number> {
    return this.#serialize(userKey, async (folder) => {
      if (!await isFolder(folder)) return 0;
      const { length } = await listFolder(folder);
      await Deno.remove(folder, { recursive: true });
      return length;
    });
  }

  #folderOf(userKey: string): string {
    return join(this.#root, folderNameOf(userKey));
  }

  /** The path of a regular file. @throws {Error} if there is none. */
  async #existing(userKey: string, name: string): Promise<string> {
    checkFileName(name);
    const folder = this.#folderOf(userKey);
    const path = join(folder, name);
    const info = await isFolder(folder) ? await lstat(path) : undefined;
    if (!info?.isFile) throw new Error(`Cannot find file "${name}"; list_files shows all`);
    return path;
  }

  #checkQuota(others: readonly UserFile[], size: number): void {
    if (others.length >= this.#maxFiles) {
      throw new Error(
        `Cannot save the file: the user has ${others.length} files; the limit is ` +
          `${this.#maxFiles}. Delete some first.`,
      );
    }
    const used = others.reduce((sum, file) => sum + file.size, 0);
    if (used + size <= this.#quotaBytes) return;
    throw new Error(
      `Cannot save the file: it has ${byteSize(size)} and the user's other files have ` +
        `${byteSize(used)}; the limit is ${byteSize(this.#quotaBytes)}. Delete some first.`,
    );
  }

  /** Runs `work` after the folder's earlier writes. */
  #serialize<T>(userKey: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = this.#folderOf(userKey);
    const earlier = this.#writes.get(folder) ?? Promise.resolve();
    const result = earlier.then(() => work(folder));
    const settled = result.then(() => {}, () => {}).then(() => {
      if (this.#writes.get(folder) === settled) this.#writes.delete(folder);
    });
    this.#writes.set(folder, settled);
    return result;
  }
}

async function lstat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether the path is a folder; a link to one does not count. */
async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path))?.isDirectory ?? false;
}

async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (await lstat(path)) throw new Error("Cannot save the file: its folder is not a folder");
  await Deno.mkdir(path, { mode: 0o700 });
}

/** The regular files of a folder, without links, folders and unfinished files. */
async function listFolder(folder: string): Promise<UserFile[]> {
  const files: UserFile[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith(".")) continue;
    const info = await lstat(join(folder, name));
    if (!info?.isFile) continue;
    files.push({ name, size: info.size, modifiedAt: info.mtime?.getTime() ?? 0 });
  }
  return files;
}

/** Removes what a killed process left behind. No other write to the folder is running. */
async function removeUnfinished(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith(unfinishedPrefix)) await Deno.remove(join(folder, name));
  }
}

async function assertRegularFile(path: string, name: string): Promise<void> {
  const info = await lstat(path);
  if (info && !info.isFile) {
    throw new Error(`Cannot save "${name}": something of this name exists that is not a file`);
  }
}

/**
 * Checks the name of a user's file: it must not lead out of the folder.
 *
 * @throws {Error} that says what is wrong with it.
 */
function checkFileName(name: string): void {
  const problem = problemOf(name);
  if (problem) throw new Error(`Cannot use file name ${JSON.stringify(name)}: ${problem}`);
}

function problemOf(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (new TextEncoder().encode(name).length > maxNameBytes) {
    return `it is longer than ${maxNameBytes} bytes`;
  }
  if (/[/\\]/.test(name)) return "it must be a name without a folder";
  if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return "it contains control characters";
  // Also refuses "." and "..", and the names of unfinished files.
  if (name.startsWith(".")) return "it must not begin with a dot";
  if (Deno.build.os === "windows" && /[<>:"|?*]|[. ]$/.test(name)) {
    return "Windows does not allow it";
  }
  return undefined;
}

/** The name of a user's folder: readable, and different for every user. */
export function folderNameOf(userKey: string): string {
  const readable = userKey.replace(/[^A-Za-z0-9]+/g, "_").slice(0, 40);
  const digest = createHash("sha256").update(userKey).digest("hex").slice(0, 24);
  return `${readable}-${digest}`;
}
