/** Cooldowns of failed models, shared by all requests of a client. */

import { backoffMs } from "../lib/backoff.ts";
import type { LlmFailure } from "./failure.ts";
import type { CooldownTimes } from "./catalog.ts";

interface Cooldown {
  readonly since: number;
  readonly until: number;
  /** End of the wait requested by the provider. Observed even if there is no other model. */
  readonly requestedUntil: number;
  readonly failures: number;
}

/** Remaining cooldown, and the part of it that the provider requested, milliseconds. */
export interface Remaining {
  readonly ms: number;
  readonly requestedMs: number;
}

/** Cooldowns by model name. Times are in milliseconds on the caller's clock. */
export class Cooldowns {
  readonly #times: CooldownTimes;
  readonly #cooldowns = new Map<string, Cooldown>();

  constructor(times: CooldownTimes) {
    this.#times = times;
  }

  /** Returns the remaining cooldown of a model. */
  remaining(name: string, now: number): Remaining {
    const cooldown = this.#cooldowns.get(name);
    const left = (until = 0) => Math.max(until - now, 0);
    return { ms: left(cooldown?.until), requestedMs: left(cooldown?.requestedUntil) };
  }

  /**
   * Records a failure. Returns the resulting cooldown in milliseconds, or `undefined` if there is none.
   *
   * @param startedAt Start of the failed request. Failures of concurrent requests count as one.
   */
  failed(
    name: string,
    { failure, startedAt, now }: {
      readonly failure: Pick<LlmFailure, "kind" | "retryAfterMs">;
      readonly startedAt: number;
      readonly now: number;
    },
  ): number | undefined {
    const { kind, retryAfterMs } = failure;
    if (kind === "fatal" || kind === "skip" || kind === "retry") return undefined;
    const before = this.#cooldowns.get(name);
    const sameOutage = before !== undefined && startedAt < before.since;
    const failures = (before?.failures ?? 0) + (sameOutage ? 0 : 1);
    const ms = retryAfterMs ?? this.#cooldownMs(kind, failures);
    this.#cooldowns.set(name, {
      since: sameOutage ? before.since : now,
      until: Math.max(before?.until ?? 0, now + ms),
      requestedUntil: Math.max(
        before?.requestedUntil ?? 0,
        retryAfterMs === undefined ? 0 : now + ms,
      ),
      failures,
    });
    return ms;
  }

  /** Resets the failures of a model, unless it failed after the request had started. */
  succeeded(name: string, { startedAt }: { readonly startedAt: number }): void {
    const cooldown = this.#cooldowns.get(name);
    if (cooldown && startedAt >= cooldown.since) this.#cooldowns.delete(name);
  }

  #cooldownMs(kind: LlmFailure["kind"], failures: number): number {
    const { firstMs, longestMs, refusedMs } = this.#times;
    if (kind === "refused") return refusedMs;
    return backoffMs(failures, { firstMs, maxMs: longestMs });
  }
}
