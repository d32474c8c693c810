/** Who may connect: checks the shared secret in constant time and slows down those who guess. */

import { createHash, timingSafeEqual } from "node:crypto";

/** Failures of one address within the window that are answered as such; more are rate-limited. */
const maxFailures = 10;
const windowMs = 60_000;
/** Addresses that are remembered; past that the oldest are forgotten. */
const maxAddresses = 10_000;

/** How a check went. */
export type AuthResult = "ok" | "unauthorized" | "rate_limited";

export class Authenticator {
  readonly #digest?: Uint8Array;
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; readonly since: number }>();

  /** @param secret the shared secret; without one everybody may connect. */
  constructor(secret: string | undefined, options: { readonly now?: () => number } = {}) {
    this.#digest = secret === undefined ? undefined : sha256(secret);
    this.#now = options.now ?? Date.now;
  }

  /** Whether there is a secret to know. */
  get hasSecret(): boolean {
    return this.#digest !== undefined;
  }

  /**
   * Checks what a peer at `address` offers. The right secret is always taken, so that one guessing
   * program does not lock out the adapters beside it.
   */
  check(offered: readonly (string | null | undefined)[], address: string): AuthResult {
    if (!this.#digest) return "ok";
    for (const secret of offered) {
      // Equal digests of equal length: the time tells nothing of the secret, nor of its length.
      if (secret && timingSafeEqual(sha256(secret), this.#digest)) return "ok";
    }
    return this.#noteFailure(address) > maxFailures ? "rate_limited" : "unauthorized";
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

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
