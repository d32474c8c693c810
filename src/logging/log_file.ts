/**
 * The log file, rotated by size. Rotation copies and truncates the file instead of renaming it: the
 * process's stderr, which gets the last words of a crash, may have the same file open.
 */

import { dirname } from "node:path";
import { ConfigError } from "../lib/config_error.ts";

/** Options of a {@linkcode LogFile}. */
export interface LogFileOptions {
  /** Size at which the file is rotated. */
  readonly maxBytes: number;
  /** Number of rotated files to keep; `path.1` is the newest. */
  readonly keep: number;
  /** Formats a remark about the file itself as a log line. Default: the remark and a newline. */
  readonly line?: (remark: string) => string;
  /** Default: `Date.now`. */
  readonly now?: () => number;
}

/** How often to check whether the file was moved, milliseconds. */
const checkMs = 1_000;

const encoder = new TextEncoder();

export class LogFile implements Disposable {
  readonly path: string;
  readonly #options: Required<LogFileOptions>;
  #file: Deno.FsFile;
  #inode: number | null;
  #bytes: number;
  /** Size at which rotation is tried next. */
  #rotateAt: number;
  #checkedAt: number;
  #lostLines = 0;
  #closed = false;

  /** Opens or creates the file and its folder. @throws {ConfigError} if it cannot be written. */
  constructor(path: string, options: LogFileOptions) {
    this.path = path;
    this.#options = { line: (remark) => `${remark}\n`, now: Date.now, ...options };
    try {
      Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      this.#file = open(path);
    } catch (error) {
      throw new ConfigError(
        `Cannot write log file "${path}": ${(error as Error).message}. ` +
          "Choose another file with --logfile (CLARA_LOG_FILE).",
        { cause: error },
      );
    }
    ({ size: this.#bytes, ino: this.#inode } = this.#file.statSync());
    this.#rotateAt = options.maxBytes;
    this.#checkedAt = this.#options.now();
  }

  /** Appends a line; never throws. Lines lost to a full disk are counted and reported later. */
  write(line: string): void {
    if (this.#closed) return;
    const bytes = encoder.encode(line);
    this.#reopenIfMoved();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#rotateAt) this.#rotate();
    try {
      if (this.#lostLines > 0) {
        // The newline ends a line that was cut off.
        const remark = `Log lines that could not be written: ${this.#lostLines}`;
        this.#append(encoder.encode(`\n${this.#options.line(remark)}`));
        this.#lostLines = 0;
      }
      this.#append(bytes);
    } catch {
      // Reported once the disk has space again.
      this.#lostLines++;
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

  /** Copies and truncates the file. If that fails, the file keeps growing. */
  #rotate(): void {
    const { keep, maxBytes, line } = this.#options;
    const temporary = `${this.path}.${crypto.randomUUID()}.tmp`;
    try {
      Deno.copyFileSync(this.path, temporary);
      for (let age = keep - 1; age >= 1; age--) {
        renameIfExists(`${this.path}.${age}`, `${this.path}.${age + 1}`);
      }
      Deno.renameSync(temporary, `${this.path}.1`);
      this.#file.truncateSync(0);
      this.#bytes = 0;
      this.#rotateAt = maxBytes;
    } catch (error) {
      removeIfExists(temporary);
      const first = this.#rotateAt === maxBytes;
      this.#rotateAt = this.#bytes + Math.ceil(maxBytes / 10);
      if (!first) return;
      const remark = `Cannot rotate log file "${this.path}", it keeps growing: `;
      try {
        this.#append(encoder.encode(line(`${remark}${(error as Error).message}`)));
      } catch {
        this.#lostLines++;
      }
    }
  }

  /** Opens a new file if the old one was moved or removed. */
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
      // Keep writing to the old file.
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

function renameIfExists(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function removeIfExists(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never created.
  }
}
