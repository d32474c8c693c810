/**
 * The keys in use: the shared secret, and those of `secrets.yaml`. The file is read again when it
 * changes, so that secrets can be rotated while adapters are connected.
 */

import * as z from "zod";
import { expandVariables } from "../lib/variables.ts";
import { WatchedFile } from "../lib/watched_file.ts";
import { parseYaml } from "../lib/yaml.ts";
import { hideFromLog, logger } from "../logging/log.ts";
import { type AccessKey, Authenticator, digestOf, scopes, sharedKey } from "./authenticator.ts";

const log = logger("access");

/** Options of {@linkcode Secrets}. */
export interface SecretsOptions {
  /** The shared secret. */
  readonly secret?: string;
  /** The file with more secrets; it may be missing. */
  readonly secretsFile: string;
  /** Looks up a `${NAME}` in the file. */
  readonly environment: (name: string) => string | undefined;
}

export class Secrets implements AsyncDisposable {
  readonly authenticator: Authenticator;
  readonly #file: WatchedFile;

  /** Reads the keys. @throws {ConfigError} if the file is invalid. */
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
        // Emptying the file by mistake must not let everybody in.
        if (all.length === 0 && hadKeys) {
          throw new Error(`Cannot use ${path}: it has no secrets left, and no other is set`);
        }
        hadKeys = all.length > 0;
        this.authenticator.replace(all);
      },
    });
  }

  /** Reads the file again whenever it changes. */
  watch(): void {
    this.#file.watch();
  }

  /** Reads the file now. Resolves with what is wrong with it, if anything. */
  reload(): Promise<string | undefined> {
    return this.#file.reload();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#file[Symbol.asyncDispose]();
  }
}

const entry = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, "expected letters, digits and . _ - (at most 64)"),
  secret: z.string().min(1).optional(),
  /** The digest of a secret in hexadecimal, for files that must not contain secrets. */
  sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, "expected 64 hexadecimal digits").optional(),
  scopes: z.array(z.enum(scopes)).min(1).default(["adapter"]),
}).refine(({ secret, sha256 }) => (secret === undefined) !== (sha256 === undefined), {
  message: 'expected either "secret" or "sha256"',
});

const schema = z.strictObject({
  secrets: z.array(entry).nullish().transform((entries) => entries ?? []),
});

/** Options of {@linkcode parseSecretsFile}. */
export interface SecretsFileOptions extends Pick<SecretsOptions, "environment"> {
  /** Names the file in errors. */
  readonly path: string;
}

/**
 * Parses the text of a `secrets.yaml`.
 *
 * @throws {ConfigError} with file, line, key and what was expected; never with a secret.
 */
export async function parseSecretsFile(
  text: string,
  { path, environment }: SecretsFileOptions,
): Promise<readonly AccessKey[]> {
  const { secrets } = await parseYaml(text, { schema, path });
  return secrets.map(({ name, secret, sha256, scopes }) => ({
    name,
    scopes,
    digest: sha256 === undefined
      ? digestOf(hidden(expandVariables(secret!, environment)))
      : Uint8Array.from(sha256.match(/../g)!, (byte) => parseInt(byte, 16)),
  }));
}

function hidden(secret: string): string {
  hideFromLog([secret]);
  return secret;
}
