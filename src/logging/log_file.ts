/**
 * The log's file, with rotation by size. A file that is full is copied aside and then emptied, not
 * renamed: what the process writes past the log (the last words of a crash) has the same file open and
 * must not follow it into the past. The log writes to it.
 */

import { dirname } from "node:path";
import { ConfigError } from "../lib/config_error.ts";

/** What a {@linkcode LogFile} may be given. */
export interface LogFileOptions {
  /** Size past which the file is set aside. */
  readonly maxBytes: number;
  /** Files set aside that are kept: `path.1` is the newest. */
  readonly keep: number;
  /** Makes a line of the log of a remark about the file itself. Default: the remark and a newline. */
  readonly line?: (remark: string) => string;
  /** Default: `Date.now`. */
  readonly now?: () => number;
}

/** How often it is checked that the file is still the one at its path, milliseconds. */
const checkMs = 1_000;

const encoder = new TextEncoder();

export class LogFile implements Disposable {
  readonly path: string;
  readonly #options: Required<LogFileOptions>;
  #file: Deno.FsFile;
  #inode: number | null;
  #bytes: number;
  /** Size at which rotation is tried (again). */
  #rotateAt: number;
  #checkedAt: number;
  #lost = 0;
  #closed = false;

  /** Opens or makes the file, and its folder. @throws {ConfigError} when it cannot be written. */
  constructor(path: string, options: LogFileOptions) {
    this.path = path;
    this.#options = { line: (remark) => `${remark}\n`, now: Date.now, ...options };
    try {
      Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      this.#file = open(path);
    } catch (error) {
      throw new ConfigError(
        `Cannot write log file "${path}": ${(error as Error).message}. ` +
          "Choose another one with --logfile (CLARA_LOG_FILE).",
        { cause: error },
      );
    }
    ({ size: this.#bytes, ino: this.#inode } = this.#file.statSync());
    this.#rotateAt = options.maxBytes;
    this.#checkedAt = this.#options.now();
  }

  /** Appends a line; never throws. What a full disk does not take is counted, and told later. */
  write(line: string): void {
    if (this.#closed) return;
    const bytes = encoder.encode(line);
    this.#reopenIfMoved();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#rotateAt) this.#rotate();
    try {
      if (this.#lost > 0) {
        // What was cut off in the middle of a line ends here.
        const remark = `Lines of the log that could not be written: ${this.#lost}`;
        this.#append(encoder.encode(`\n${this.#options.line(remark)}`));
        this.#lost = 0;
      }
      this.#append(bytes);
    } catch {
      // There is nowhere left to say so until there is room again.
      this.#lost++;
    }
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.#file.close();
    this.#closed = true;
  }

  #append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const written = this.#file.writeSync(bytes.subarray(at));
      at += written;
      this.#bytes += written;
    }
  }

  /** Copies the file aside and empties it; where that cannot be done it goes on growing. */
  #rotate(): void {
    const { keep, maxBytes, line } = this.#options;
    const temporary = `${this.path}.${crypto.randomUUID()}.tmp`;
    try {
      Deno.copyFileSync(this.path, temporary);
      for (let age = keep - 1; age >= 1; age--) {
        renameIfThere(`${this.path}.${age}`, `${this.path}.${age + 1}`);
      }
      Deno.renameSync(temporary, `${this.path}.1`);
      this.#file.truncateSync(0);
      this.#bytes = 0;
      this.#rotateAt = maxBytes;
    } catch (error) {
      removeIfThere(temporary);
      const first = this.#rotateAt === maxBytes;
      this.#rotateAt = this.#bytes + Math.ceil(maxBytes / 10);
      if (!first) return;
      const remark = `Cannot set log file "${this.path}" aside, it goes on growing: `;
      try {
        this.#append(encoder.encode(line(`${remark}${(error as Error).message}`)));
      } catch {
        this.#lost++;
      }
    }
  }

  /** Somebody may have moved or removed the file: what is written then goes to a new one. */
  #reopenIfMoved(): void {
    const now = this.#options.now();
    if (now - this.#checkedAt < checkMs) return;
    this.#checkedAt = now;
    try {
      if (inodeAt(this.path) === this.#inode) return;
      const file = open(this.path);
      this.#file.close();
      this.#file = file;
      ({ size: this.#bytes, ino: this.#inode } = file.statSync());
    } catch {
      // The old one is better than none.
    }
  }
}

function open(path: string): Deno.FsFile {
  return Deno.openSync(path, { append: true, create: true, mode: 0o600 });
}

function inodeAt(path: string): number | null | undefined {
  try {
    return Deno.statSync(path).ino;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never made.
  }
}
