/**
 * Notices that the files of an open database were removed or replaced. SQLite would go on with the old
 * files, which no longer have a name: every write would seem durable and be gone after the next start.
 */

interface GuardedFile {
  readonly path: string;
  /** The file itself, once it exists. Its inode is asked each time: some network file systems change it. */
  open?: Deno.FsFile;
}

/** Guards the database and its write-ahead log. */
export class FileGuard implements Disposable {
  readonly #files: readonly GuardedFile[];

  /** @param path An open database. SQLite creates `PATH-wal` at the first access. */
  constructor(path: string) {
    this.#files = [{ path }, { path: `${path}-wal` }];
    this.assertUnchanged();
  }

  /** @throws {Error} if a file is no longer the one that was opened. */
  assertUnchanged(): void {
    for (const file of this.#files) {
      if (!file.open) {
        file.open = ifExists(() => Deno.openSync(file.path));
        continue;
      }
      const named = ifExists(() => Deno.statSync(file.path));
      const opened = file.open.statSync();
      if (named?.ino === opened.ino && named.dev === opened.dev) continue;
      throw new Error(
        `"${file.path}" was ${named ? "replaced" : "removed"} while the gateway was running. ` +
          "Nothing more is accepted. Stop the gateway, put the file back, and start again",
      );
    }
  }

  /** Call it after closing the database: closing any handle of a file ends all locks of this process on it. */
  [Symbol.dispose](): void {
    for (const { open } of this.#files) open?.close();
  }
}

function ifExists<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
