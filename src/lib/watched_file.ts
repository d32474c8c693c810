/**
 * A configuration file that is read at the start and again whenever it changes. If it becomes invalid,
 * the last valid version stays active.
 */

import { basename, dirname, resolve } from "node:path";
import { errorText } from "./error_text.ts";
import { readTextFile } from "./files.ts";

/** Where a {@linkcode WatchedFile} logs changes and problems. */
export interface WatchedFileLog {
  info(message: string, properties: Record<string, unknown>): void;
  warn(message: string, properties: Record<string, unknown>): void;
  error(message: string, properties: Record<string, unknown>): void;
}

/** Options of a {@linkcode WatchedFile}. */
export interface WatchedFileOptions {
  readonly path: string;
  readonly log: WatchedFileLog;
  /** Activates a text, or throws and changes nothing; undefined means that there is no file. */
  readonly apply: (text: string | undefined) => Promise<void>;
  /** Debounce time, since editors write files in several steps, milliseconds. Default: 100. */
  readonly settleMs?: number;
  /**
   * How often to look without being notified, milliseconds: for a folder that is missing, a link that was swapped, and
   * network mounts, which send no notifications. Default: 2000.
   */
  readonly pollMs?: number;
}

export class WatchedFile implements AsyncDisposable {
  readonly #options: WatchedFileOptions;
  readonly #path: string;
  /** The last text that was read, valid or not, so that the same one is not applied twice. */
  #text?: string;
  #problem?: string;
  #watcher?: Deno.FsWatcher;
  #timer?: ReturnType<typeof setTimeout>;
  #pollTimer?: ReturnType<typeof setTimeout>;
  /** What identifies the file's content, links followed. */
  #stamp = "";
  #reading: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(options: WatchedFileOptions) {
    this.#options = options;
    this.#path = resolve(options.path);
  }

  /** Reads the file for the first time. @throws {ConfigError} if it is invalid. */
  async load(): Promise<void> {
    this.#text = await readTextFile(this.#options.path);
    await this.#options.apply(this.#text);
  }

  /** Reads the file again whenever it changes. */
  watch(): void {
    this.#stamp = stampOf(this.#path);
    this.#openWatcher();
    this.#pollTimer = setInterval(() => this.#poll(), this.#options.pollMs ?? 2_000);
  }

  /** Reads the file now. Resolves with what is wrong with it, if anything; then nothing changes. */
  reload(): Promise<string | undefined> {
    const reload = this.#reading.then(() => this.#reload());
    this.#reading = reload;
    return reload;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pollTimer);
    this.#closeWatcher();
    await this.#reading;
  }

  async #reload(): Promise<string | undefined> {
    const { path, apply } = this.#options;
    const before = this.#problem;
    let changed = false;
    try {
      const text = await readTextFile(path);
      changed = text !== this.#text;
      // A text that failed may succeed now: the cause need not be in the file.
      if (this.#disposed || !changed && before === undefined) return before;
      this.#text = text;
      await apply(text);
      this.#problem = undefined;
      if (text === undefined) {
        this.#options.log.info("{path} was removed; its contents are inactive", { path });
      } else this.#options.log.info("Reloaded {path}", { path });
    } catch (error) {
      const problem = errorText(error);
      this.#problem = problem;
      if (changed || problem !== before) {
        this.#options.log.error("{error}. The last valid version stays active.", {
          error: problem,
        });
      }
    }
    return this.#problem;
  }

  #openWatcher(): void {
    if (this.#disposed) return;
    try {
      this.#watcher = Deno.watchFs(dirname(this.#path), { recursive: false });
    } catch {
      // The folder is missing, or cannot be watched.
      return;
    }
    this.#follow(this.#watcher).catch((error) => {
      this.#options.log.warn("Cannot watch {path}: {error}. Send SIGHUP to reload it.", {
        path: this.#options.path,
        error: errorText(error),
      });
    });
  }

  /** Deno 2.4 throws if a watcher is closed twice. */
  #closeWatcher(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    // Picks up changes from before the watcher was open.
    this.#debounce();
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      const removed = kind === "remove" || kind === "rename";
      if (removed && paths.includes(dirname(this.#path))) {
        this.#closeWatcher();
        this.#debounce();
        return;
      }
      if (paths.some((path) => basename(path) === basename(this.#path))) this.#debounce();
    }
  }

  #debounce(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.reload(), this.#options.settleMs ?? 100);
  }

  #poll(): void {
    if (!this.#watcher) this.#openWatcher();
    const stamp = stampOf(this.#path);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    this.#debounce();
  }
}

/** Identity, size and time of a file, with links followed; "" if there is none. */
function stampOf(path: string): string {
  try {
    const { dev, ino, mtime, size } = Deno.statSync(path);
    return `${dev}:${ino}:${mtime?.getTime()}:${size}`;
  } catch {
    return "";
  }
}
