/** Checks secrets in constant time, and slows down clients that guess. */

import { createHash, timingSafeEqual } from "node:crypto";

/** What a key permits: `adapter` to register as one, `admin` to use the admin interface. */
export const scopes = ["adapter", "admin"] as const;
export type Scope = typeof scopes[number];

/** One key. Only the digest of its secret is kept. */
export interface AccessKey {
  /** For the log. */
  readonly name: string;
  readonly digest: Uint8Array;
  readonly scopes: readonly Scope[];
}

/** The result of a check. */
export type AuthResult =
  /** The client may connect; without any keys everybody may. */
  | { readonly type: "ok"; readonly key?: AccessKey }
  /** The secret is right, but lacks the scope. */
  | { readonly type: "forbidden"; readonly key: AccessKey }
  | { readonly type: "unauthorized" | "rate_limited" };

/** Options of {@linkcode Authenticator.check}. */
export interface AuthRequest {
  readonly scope: Scope;
  /** The peer's address. */
  readonly address: string;
}

/** Failures per address and window; further ones are rate-limited. */
const maxFailures = 10;
const windowMs = 60_000;
/** Addresses whose failures are counted; beyond that the oldest are dropped. */
const maxAddresses = 10_000;

/** The key of the shared secret, which has all scopes. */
export function sharedKey(secret: string): AccessKey {
  return { name: "shared", digest: digestOf(secret), scopes };
}

/** The SHA-256 of a secret. Digests have equal lengths, so they can be compared in constant time. */
export function digestOf(secret: string): Uint8Array {
  return createHash("sha256").update(secret).digest();
}

export class Authenticator {
  #keys: readonly AccessKey[];
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; readonly since: number }>();

  /** @param keys if there are none, everybody may connect. */
  constructor(keys: readonly AccessKey[], options: { readonly now?: () => number } = {}) {
    this.#keys = keys;
    this.#now = options.now ?? Date.now;
  }

  /** Whether a secret is required. */
  get hasKeys(): boolean {
    return this.#keys.length > 0;
  }

  /** Replaces all keys. Open connections stay open. */
  replace(keys: readonly AccessKey[]): void {
    this.#keys = keys;
  }

  /**
   * Checks the secrets that a peer offers. A right one is accepted even while the address is
   * rate-limited, so that a guessing program does not lock out the adapters on its machine.
   */
  check(
    offered: readonly (string | null | undefined)[],
    { scope, address }: AuthRequest,
  ): AuthResult {
    if (!this.hasKeys) return { type: "ok" };
    for (const secret of offered) {
      const key = secret ? this.#keyOf(digestOf(secret)) : undefined;
      if (key) return { type: key.scopes.includes(scope) ? "ok" : "forbidden", key };
    }
    return { type: this.#countFailure(address) > maxFailures ? "rate_limited" : "unauthorized" };
  }

  /** Whether a secret is valid for any scope. Does not count as a failure. */
  knows(offered: string | undefined): boolean {
    return Boolean(offered) && this.#keyOf(digestOf(offered!)) !== undefined;
  }

  /** Compares with every key, so that the time does not reveal which one matches. */
  #keyOf(digest: Uint8Array): AccessKey | undefined {
    let found: AccessKey | undefined;
    for (const key of this.#keys) if (timingSafeEqual(digest, key.digest)) found ??= key;
    return found;
  }

  #countFailure(address: string): number {
    const now = this.#now();
    let entry = this.#failures.get(address);
    if (!entry || now - entry.since > windowMs) {
      this.#failures.delete(address);
      entry = { count: 0, since: now };
      this.#failures.set(address, entry);
      if (this.#failures.size > maxAddresses) {
        this.#failures.delete(this.#failures.keys().next().value!);
      }
    }
    return ++entry.count;
  }
}

/** The secret in an `Authorization: Bearer …` header. */
export function bearerOf(headers: Headers): string | undefined {
  const text = headers.get("authorization")?.match(/^Bearer +(.+?) *$/i)?.[1];
  if (text === undefined) return undefined;
  // Each byte of a header arrives as one character; most clients send UTF-8.
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return text;
  }
}
