/**
 * The keys that are in force: the shared secret and those of `secrets.yaml`, which is read again when
 * it changes, so that secrets can be exchanged while adapters work. Made by the gateway.
 */

import { logger } from "../logging/log.ts";
import { WatchedFile } from "../lib/watched_file.ts";
import { type AccessKey, parseSecretsFile, sharedKey } from "./access_key.ts";
import { Authenticator } from "./authenticator.ts";

const log = logger("access");

/** Where the keys come from. */
export interface SecretsOptions {
  /** The shared one. */
  readonly secret?: string;
  /** The file of the others; it may be missing. */
  readonly secretsFile: string;
  /** Looks up what the file names as `${NAME}`. */
  readonly environment: (name: string) => string | undefined;
}

export class Secrets implements AsyncDisposable {
  readonly authenticator: Authenticator;
  readonly #file: WatchedFile;

  /** Reads the keys. @throws {ConfigError} where the file is wrong. */
  static async load(options: SecretsOptions): Promise<Secrets> {
    const secrets = new Secrets(options);
    await secrets.#file.load();
    return secrets;
  }

  private constructor({ secret, secretsFile: path, environment }: SecretsOptions) {
    const shared: readonly AccessKey[] = secret === undefined ? [] : [sharedKey(secret)];
    this.authenticator = new Authenticator(shared);
    let hadKeys = false;
    this.#file = new WatchedFile({
      log,
      path,
      apply: async (text) => {
        const keys = text === undefined ? [] : await parseSecretsFile(text, { path, environment });
        const all = [...shared, ...keys];
        // A file that is emptied by mistake must not open the door to everybody.
        if (all.length === 0 && hadKeys) {
          throw new Error(`Cannot use ${path}: it holds no secret any more, and there is no other`);
        }
        hadKeys = all.length > 0;
        this.authenticator.replace(all);
      },
    });
  }

  /** From now on the file is read when it changes. */
  watch(): void {
    this.#file.watch();
  }

  /** Reads the file now; gives what is wrong with it. */
  reload(): Promise<string | undefined> {
    return this.#file.reload();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file[Symbol.asyncDispose]();
  }
}
