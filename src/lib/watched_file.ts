/**
 * A file that may change while the gateway runs: it is read at the start and again when it changes.
 * One that has become wrong changes nothing. The gateway watches the hooks' and the tasks' file so.
 */

import { basename, dirname, resolve } from "node:path";
import { errorText } from "./error_text.ts";
import { readIfPresent } from "./yaml.ts";

/** Where a {@linkcode WatchedFile} reports changes and problems. */
export interface WatchedFileLog {
  info(message: string, properties: Record<string, unknown>): void;
  warn(message: string, properties: Record<string, unknown>): void;
  error(message: string, properties: Record<string, unknown>): void;
}

/** What a {@linkcode WatchedFile} is given. */
export interface WatchedFileOptions {
  readonly path: string;
  readonly log: WatchedFileLog;
  /**
   * Puts a text into force, or throws and changes nothing; undefined stands for a file that is
   * missing.
   */
  readonly apply: (text: string | undefined) => Promise<void>;
  /** How long changes are gathered: an editor writes a file in several steps. Default: 100. */
  readonly settleMs?: number;
  /** How often a folder that is missing is looked for, milliseconds. Default: 2000. */
  readonly missingMs?: number;
}

export class WatchedFile implements AsyncDisposable {
  readonly #options: WatchedFileOptions;
  readonly #path: string;
  /** What was read last, right or wrong: the same is not put into force twice. */
  #text?: string;
  #problem?: string;
  #watcher?: Deno.FsWatcher;
  #timer?: ReturnType<typeof setTimeout>;
  #reading: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(options: WatchedFileOptions) {
    this.#options = options;
    this.#path = resolve(options.path);
  }

  /** Reads the file for the first time. @throws {ConfigError} when it is wrong. */
  async load(): Promise<void> {
    this.#text = await readIfPresent(this.#options.path);
    await this.#options.apply(this.#text);
  }

  /** From now on the file is read when it changes. */
  watch(): void {
    this.#openWatcher();
  }

  /** Reads the file now. Gives what is wrong with it; then the last good one stays in force. */
  reload(): Promise<string | undefined> {
    const reload = this.#reading.then(() => this.#reload());
    this.#reading = reload;
    return reload;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#closeWatcher();
    await this.#reading;
  }

  async #reload(): Promise<string | undefined> {
    const { path, apply } = this.#options;
    const before = this.#problem;
    let changed = false;
    try {
      const text = await readIfPresent(path);
      changed = text !== this.#text;
      // What was refused may be taken now: what is wrong need not be in the file.
      if (this.#disposed || !changed && before === undefined) return before;
      this.#text = text;
      await apply(text);
      this.#problem = undefined;
      if (text === undefined) this.#options.log.info("{path} is gone, and what it held", { path });
      else this.#options.log.info("{path} has changed and is in force", { path });
    } catch (error) {
      const problem = errorText(error);
      this.#problem = problem;
      if (changed || problem !== before) {
        this.#options.log.error("{error}. The last good one stays in force.", { error: problem });
      }
    }
    return this.#problem;
  }

  #openWatcher(): void {
    if (this.#disposed) return;
    try {
      this.#watcher = Deno.watchFs(dirname(this.#path), { recursive: false });
    } catch {
      this.#lookLater();
      return;
    }
    this.#follow(this.#watcher).catch((error) => {
      this.#options.log.warn("Cannot watch {path}: {error}. SIGHUP has it read again.", {
        path: this.#options.path,
        error: errorText(error),
      });
    });
  }

  /** Deno 2.4 throws where a watcher is closed twice. */
  #closeWatcher(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    // What changed before the watcher was there is found by one look.
    this.#settle();
    for await (const { kind, paths } of watcher) {
      if (kind === "access") continue;
      const gone = kind === "remove" || kind === "rename";
      if (gone && paths.includes(dirname(this.#path))) {
        this.#closeWatcher();
        this.#lookLater();
        return;
      }
      if (paths.some((path) => basename(path) === basename(this.#path))) this.#settle();
    }
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.reload(), this.#options.settleMs ?? 100);
  }

  #lookLater(): void {
    if (this.#disposed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      await this.reload();
      this.#openWatcher();
    }, this.#options.missingMs ?? 2_000);
  }
}
