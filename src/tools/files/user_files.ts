/**
 * Files of users: one flat folder for each under the data folder, with a quota. Used by the tools
 * that save, list, read, send and delete files. Links are never followed: what is in a folder may
 * have come there by other ways than this class.
 */

import { join } from "node:path";
import { byteSize } from "../../lib/bytes.ts";
import { checkFileName, folderNameOf } from "./file_name.ts";

const MiB = 1024 * 1024;

/** What {@linkcode UserFiles} is given. */
export interface UserFilesOptions {
  /** The folder of the users' folders; made when it is first needed. */
  readonly root: string;
  /** Bytes that one user's files may have together. Default: 100 MiB. */
  readonly quotaBytes?: number;
  /** Files that one user may have. Default: 1000. */
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

/** The name of a file that is being written, which no user's file can have. */
const unfinishedPrefix = ".writing-";

export class UserFiles {
  readonly #root: string;
  readonly #quotaBytes: number;
  readonly #maxFiles: number;
  /** The last write of each folder: the quota is counted by one write at a time. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor({ root, quotaBytes = 100 * MiB, maxFiles = 1000 }: UserFilesOptions) {
    this.#root = root;
    this.#quotaBytes = quotaBytes;
    this.#maxFiles = maxFiles;
  }

  /**
   * Writes a file, in place of one of the same name.
   *
   * @throws {Error} when the name is not allowed or the user's quota is used up.
   */
  save(userKey: string, name: string, bytes: Uint8Array): Promise<UserFile> {
    return this.#inTurn(userKey, async (folder) => {
      checkFileName(name);
      // That the root is a link is the operator's choice.
      await Deno.mkdir(this.#root, { recursive: true, mode: 0o700 });
      await makeFolder(folder);
      await removeUnfinished(folder);
      const others = (await listFolder(folder)).filter((file) => file.name !== name);
      this.#checkQuota(others, bytes.length);
      const path = join(folder, name);
      await refuseOddFile(path, name);
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

  /** The files of a user, by name. */
  async list(userKey: string): Promise<readonly UserFile[]> {
    const folder = this.#folderOf(userKey);
    if (!await isFolder(folder)) return [];
    return (await listFolder(folder)).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Reads a file. @throws {Error} when there is none of this name, or it is no plain file. */
  async read(userKey: string, name: string): Promise<Uint8Array> {
    const path = await this.#existing(userKey, name);
    const before = await Deno.lstat(path);
    using file = await Deno.open(path, { read: true });
    const opened = await file.stat();
    // Between the look and the opening the file may have been replaced by a link.
    if (!opened.isFile || opened.ino !== before.ino || opened.dev !== before.dev) {
      throw new Error(`Cannot read "${name}": it was replaced just now`);
    }
    if (opened.size > this.#quotaBytes) {
      throw new Error(`Cannot read "${name}": ${byteSize(opened.size)} are too many`);
    }
    return new Uint8Array(await new Response(file.readable).arrayBuffer());
  }

  /** Deletes a file. @throws {Error} when there is none of this name. */
  remove(userKey: string, name: string): Promise<void> {
    return this.#inTurn(userKey, async () => Deno.remove(await this.#existing(userKey, name)));
  }

  /** Deletes all files of a user; gives their count. */
  removeAll(userKey: string): Promise<number> {
    return this.#inTurn(userKey, async (folder) => {
      if (!await isFolder(folder)) return 0;
      const { length } = await listFolder(folder);
      await Deno.remove(folder, { recursive: true });
      return length;
    });
  }

  #folderOf(userKey: string): string {
    return join(this.#root, folderNameOf(userKey));
  }

  /** The path of a plain file that is there. */
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
        `Cannot save the file: there are ${others.length} already, and ${this.#maxFiles} are ` +
          "allowed. Delete some first.",
      );
    }
    const used = others.reduce((sum, file) => sum + file.size, 0);
    if (used + size <= this.#quotaBytes) return;
    throw new Error(
      `Cannot save the file: it has ${byteSize(size)}, the user's other files have ` +
        `${byteSize(used)}, and ${byteSize(this.#quotaBytes)} are allowed. Delete some first.`,
    );
  }

  /** Runs `work` when the folder's earlier writes are over. */
  #inTurn<T>(userKey: string, work: (folder: string) => Promise<T>): Promise<T> {
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

/** Whether a folder is there; a link to one is none. */
async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path))?.isDirectory ?? false;
}

async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (await lstat(path)) throw new Error("Cannot save the file: its folder is no folder");
  await Deno.mkdir(path, { mode: 0o700 });
}

/** The plain files of a folder; links, folders and unfinished files are passed over. */
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

/** What a killed process left; only one write at a time works in a folder. */
async function removeUnfinished(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    if (name.startsWith(unfinishedPrefix)) await Deno.remove(join(folder, name));
  }
}

async function refuseOddFile(path: string, name: string): Promise<void> {
  const info = await lstat(path);
  if (info && !info.isFile) {
    throw new Error(`Cannot save "${name}": there is something of this name that is no file`);
  }
}
