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
  readonly #database: GuardedFile;
  readonly #log: GuardedFile;

  /** @param path An open database. SQLite creates `PATH-wal` at the first access. */
  constructor(path: string) {
    this.#database = { path };
    this.#log = { path: `${path}-wal` };
    this.assertUnchanged();
  }

  /** @throws {Error} if a file is no longer the one that was opened. */
  assertUnchanged(): void {
    for (const file of [this.#database, this.#log]) {
      if (!file.open) file.open = ifExists(() => Deno.openSync(file.path));
      const change = changeOf(file);
      if (!change) continue;
      throw new Error(
        `"${file.path}" was ${change} while the gateway was running. Nothing more is accepted. ` +
          "Stop the gateway, put the right file there, and start again",
      );
    }
  }

  /**
   * Closes the handles. Call it after closing the database: closing any handle of a file ends all locks of
   * this process on it. If another database took the place, SQLite leaves its log there, and the next start
   * would replay it into that database; so the log is renamed.
   */
  [Symbol.dispose](): void {
    if (changeOf(this.#database) === "replaced" && !changeOf(this.#log)) {
      ifExists(() => Deno.renameSync(this.#log.path, `${this.#log.path}.orphaned`));
    }
    this.#database.open?.close();
    this.#log.open?.close();
  }
}

/** What happened to a file since it was opened, if anything. */
function changeOf({ path, open }: GuardedFile): "removed" | "replaced" | undefined {
  if (!open) return undefined;
  const named = ifExists(() => Deno.statSync(path));
  const opened = open.statSync();
  if (!named) return "removed";
  return named.ino === opened.ino && named.dev === opened.dev ? undefined : "replaced";
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
