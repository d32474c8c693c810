/**
 * What lets programs in: keys with a name and scopes. One shared secret of the environment is the
 * usual case; a file holds several, and may change while the gateway runs.
 */

import { createHash } from "node:crypto";
import * as z from "zod";
import { hideFromLog } from "../logging/log.ts";
import { expandVariables } from "../lib/variables.ts";
import { parseYaml } from "../lib/yaml.ts";

/** What a key is good for: to speak as an adapter, to use the admin interface and manage servers. */
export const scopes = ["adapter", "admin"] as const;
export type Scope = typeof scopes[number];

/** One key. Its secret is not kept, only what tells whether another one is the same. */
export interface AccessKey {
  /** For the log. */
  readonly name: string;
  readonly digest: Uint8Array;
  readonly scopes: readonly Scope[];
}

/** The key of a secret that everybody shares: good for all. */
export function sharedKey(secret: string): AccessKey {
  return { name: "shared", digest: digestOf(secret), scopes };
}

/** What tells two secrets apart: equal digests are of equal length, whatever the secrets are. */
export function digestOf(secret: string): Uint8Array {
  return createHash("sha256").update(secret).digest();
}

const entry = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, "expected letters, digits and . _ - (at most 64)"),
  secret: z.string().min(1).optional(),
  /** Of the secret, in hexadecimal, for a file that holds no secrets. */
  sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, "expected 64 hexadecimal digits").optional(),
  scopes: z.array(z.enum(scopes)).min(1).default(["adapter"]),
}).refine(({ secret, sha256 }) => (secret === undefined) !== (sha256 === undefined), {
  message: 'expected either "secret" or "sha256"',
});

const schema = z.strictObject({
  secrets: z.array(entry).nullish().transform((entries) => entries ?? []),
});

/** What {@linkcode parseSecretsFile} is given. */
export interface SecretsFileOptions {
  /** Names the file in errors. */
  readonly path: string;
  /** Looks up what the file names as `${NAME}`. */
  readonly environment: (name: string) => string | undefined;
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
      ? digestOf(unlogged(expandVariables(secret!, environment)))
      : Uint8Array.from(sha256.match(/../g)!, (byte) => parseInt(byte, 16)),
  }));
}

/** The log's is the last place where it is kept: not to be shown there. */
function unlogged(secret: string): string {
  hideFromLog([secret]);
  return secret;
}
