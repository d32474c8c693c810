/**
 * Which model is asked next for one request, and when: the first that does not rest; where all rest,
 * the one that is ready first. Made by the client for each request.
 */

import { GatewayError } from "../../domain/errors.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Cooldowns } from "../cooldowns.ts";
import type { LlmFailure } from "../failure.ts";
import type { Model } from "../catalog.ts";

/** Tries of one model in one request. */
const maxTries = 3;
/** The longest wait for a model within a request, milliseconds: a person waits, too. */
const maxWaitMs = 10_000;
/** The wait before a model is asked again. */
const waits = { firstMs: 500 };

/** A model to ask, after a wait. */
export interface Choice {
  readonly model: Model;
  readonly waitMs: number;
}

export class ModelChoice {
  readonly #models: readonly Model[];
  readonly #coolDowns: Cooldowns;
  readonly #tries = new Map<string, number>();
  readonly #given = new Set<string>();
  #error?: GatewayError;
  /** The shortest wait that was too long. */
  #tooLongMs?: number;

  constructor(models: readonly Model[], coolDowns: Cooldowns) {
    this.#models = models;
    this.#coolDowns = coolDowns;
  }

  /**
   * The next model to ask; undefined when none is left that makes sense.
   *
   * @param elapsedMs since the request began: the waits count in the total time, too.
   */
  next(
    { now, elapsedMs }: { readonly now: number; readonly elapsedMs: number },
  ): Choice | undefined {
    const open = this.#models.filter(({ name, provider }) =>
      !this.#given.has(name) && this.#triesOf(name) < maxTries && elapsedMs < provider.totalMs
    );
    const ready = open.find(({ name }) => this.#coolDowns.remaining(name, now).ms === 0);
    if (ready) return { model: ready, waitMs: 0 };
    const [soonest] = open.map((model) => ({ model, waitMs: this.#waitMs(model.name, now) }))
      .toSorted((one, other) => one.waitMs - other.waitMs);
    if (!soonest) return undefined;
    const { waitMs, model } = soonest;
    if (waitMs <= maxWaitMs && elapsedMs + waitMs < model.provider.totalMs) return soonest;
    this.#tooLongMs = waitMs;
    return undefined;
  }

  /** Notes that a model failed this request. */
  failed({ name }: Model, { kind, error }: LlmFailure): void {
    this.#tries.set(name, this.#triesOf(name) + 1);
    if (kind !== "cooldown" && kind !== "retry") this.#given.add(name);
    // What may pass is better news than a wrong key.
    if (!this.#error?.recoverable || error.recoverable) this.#error = error;
  }

  /** Why no model has answered. */
  get error(): GatewayError {
    const retryMs = this.#tooLongMs;
    if (this.#error && retryMs === undefined) return this.#error;
    if (this.#error?.recoverable) {
      const { code, message, recoverable, cause } = this.#error;
      const details = { ...this.#error.details, retry_after_ms: retryMs };
      return new GatewayError(code, message, { recoverable, details, cause });
    }
    const seconds = Math.ceil((retryMs ?? 0) / 1000);
    return new GatewayError(
      "llm_unavailable",
      `The model's provider takes no more requests just now. Try again in ${seconds} seconds.`,
      { recoverable: true, details: { retry_after_ms: retryMs } },
    );
  }

  /** What a provider asked for is kept; a rest of our own is no reason to fail without a try. */
  #waitMs(name: string, now: number): number {
    const { ms, askedMs } = this.#coolDowns.remaining(name, now);
    const tries = this.#triesOf(name);
    return Math.max(askedMs, Math.min(ms, tries === 0 ? 0 : backoffMs(tries, waits)));
  }

  #triesOf(name: string): number {
    return this.#tries.get(name) ?? 0;
  }
}
