/** Which models are left alone for now, because they failed. Kept by the client over all requests. */

import { backoffMs } from "../lib/backoff.ts";
import type { LlmFailure } from "./failure.ts";
import type { CooldownTimes } from "./catalog.ts";

interface Rest {
  readonly since: number;
  readonly until: number;
  /** The part of it that the provider asked for: it is kept even where there is no other model. */
  readonly askedUntil: number;
  readonly failures: number;
}

/** What is left of a rest, and of the part of it that the provider asked for, milliseconds. */
export interface Remaining {
  readonly ms: number;
  readonly askedMs: number;
}

/** The rests of models, by name. Times are in milliseconds, of the clock of whoever calls. */
export class Cooldowns {
  readonly #times: CooldownTimes;
  readonly #rests = new Map<string, Rest>();

  constructor(times: CooldownTimes) {
    this.#times = times;
  }

  /** What is left of a model's rest. */
  remaining(name: string, now: number): Remaining {
    const rest = this.#rests.get(name);
    const left = (until = 0) => Math.max(until - now, 0);
    return { ms: left(rest?.until), askedMs: left(rest?.askedUntil) };
  }

  /**
   * Notes a failure; gives the rest that it brings, milliseconds, or undefined where it brings none.
   *
   * @param startedAt of the request that failed: those that failed together count as one.
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
    const before = this.#rests.get(name);
    const sameOutage = before !== undefined && startedAt < before.since;
    const failures = (before?.failures ?? 0) + (sameOutage ? 0 : 1);
    const ms = retryAfterMs ?? this.#restMs(kind, failures);
    this.#rests.set(name, {
      since: sameOutage ? before.since : now,
      until: Math.max(before?.until ?? 0, now + ms),
      askedUntil: Math.max(before?.askedUntil ?? 0, retryAfterMs === undefined ? 0 : now + ms),
      failures,
    });
    return ms;
  }

  /** Notes an answer: the next failure is a first one again. Old news are no news. */
  succeeded(name: string, { startedAt }: { readonly startedAt: number }): void {
    const rest = this.#rests.get(name);
    if (rest && startedAt >= rest.since) this.#rests.delete(name);
  }

  #restMs(kind: LlmFailure["kind"], failures: number): number {
    const { firstMs, longestMs, refusedMs } = this.#times;
    if (kind === "refused") return refusedMs;
    return backoffMs(failures, { firstMs, maxMs: longestMs });
  }
}
