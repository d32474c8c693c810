/** Who may come in: checks secrets in constant time and slows down those who guess. */

import { timingSafeEqual } from "node:crypto";
import { type AccessKey, digestOf, type Scope } from "./access_key.ts";

/** Failures of one address within the window that are answered as such; more are rate-limited. */
const maxFailures = 10;
const windowMs = 60_000;
/** Addresses that are remembered; past that the oldest are forgotten. */
const maxAddresses = 10_000;

/** How a check went. */
export type AuthResult =
  /** Whoever it is may come in; without any key that is everybody. */
  | { readonly type: "ok"; readonly key?: AccessKey }
  /** The secret is right, but not for this. */
  | { readonly type: "forbidden"; readonly key: AccessKey }
  | { readonly type: "unauthorized" | "rate_limited" };

/** What a check is about. */
export interface AuthRequest {
  readonly scope: Scope;
  /** Of the peer. */
  readonly address: string;
}

export class Authenticator {
  #keys: readonly AccessKey[];
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; readonly since: number }>();

  /** @param keys without any, everybody may come in. */
  constructor(keys: readonly AccessKey[], options: { readonly now?: () => number } = {}) {
    this.#keys = keys;
    this.#now = options.now ?? Date.now;
  }

  /** Whether there is a secret to know. */
  get hasKeys(): boolean {
    return this.#keys.length > 0;
  }

  /** Puts other keys in the place of all. Who has come in stays in. */
  replace(keys: readonly AccessKey[]): void {
    this.#keys = keys;
  }

  /**
   * Checks what a peer offers. A right secret is always taken, so that one guessing program does not
   * lock out the adapters beside it.
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
    return { type: this.#noteFailure(address) > maxFailures ? "rate_limited" : "unauthorized" };
  }

  /** Whether a peer has brought a secret that counts, whatever for; asking is no failure. */
  knows(offered: string | undefined): boolean {
    return Boolean(offered) && this.#keyOf(digestOf(offered!)) !== undefined;
  }

  /** Looks at every key, so that the time tells nothing of which one it is. */
  #keyOf(digest: Uint8Array): AccessKey | undefined {
    let found: AccessKey | undefined;
    for (const key of this.#keys) if (timingSafeEqual(digest, key.digest)) found ??= key;
    return found;
  }

  #noteFailure(address: string): number {
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

/** The secret of an `Authorization: Bearer …` header. */
export function bearerOf(headers: Headers): string | undefined {
  const text = headers.get("authorization")?.match(/^Bearer +(.+?) *$/i)?.[1];
  if (text === undefined) return undefined;
  // A header is bytes, and is given as if each were a character; most clients mean UTF-8.
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return text;
  }
}
