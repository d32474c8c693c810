/**
 * Selects the next model for one request: the first without a cooldown, or the one whose cooldown ends first.
 */

import { GatewayError } from "../../domain/errors.ts";
import { backoffMs } from "../../lib/backoff.ts";
import type { Cooldowns } from "../cooldowns.ts";
import type { LlmFailure } from "../failure.ts";
import type { Model } from "../catalog.ts";

/** Attempts at one model per request. */
const maxTries = 3;
/** Maximum delay within a request, milliseconds: a person is waiting. */
const maxWaitMs = 10_000;
/** Delays between attempts at the same model. */
const delays = { firstMs: 500 };

/** A model, and the delay before its next attempt. */
export interface Selection {
  readonly model: Model;
  readonly waitMs: number;
}

/** The models that are left for one request. */
export class ModelSelector {
  readonly #models: readonly Model[];
  readonly #cooldowns: Cooldowns;
  readonly #tries = new Map<string, number>();
  readonly #excluded = new Set<string>();
  #error?: GatewayError;
  /** The shortest delay, if it exceeds the maximum. */
  #excessiveWaitMs?: number;

  constructor(models: readonly Model[], cooldowns: Cooldowns) {
    this.#models = models;
    this.#cooldowns = cooldowns;
  }

  /**
   * Returns the next model, or `undefined` if none is left that may answer in time.
   *
   * @param elapsedMs Time since the request began; delays are part of its total time.
   */
  next(
    { now, elapsedMs }: { readonly now: number; readonly elapsedMs: number },
  ): Selection | undefined {
    const candidates = this.#models.filter(({ name, provider }) =>
      !this.#excluded.has(name) && this.#triesOf(name) < maxTries && elapsedMs < provider.totalMs
    );
    const ready = candidates.find(({ name }) => this.#cooldowns.remaining(name, now).ms === 0);
    if (ready) return { model: ready, waitMs: 0 };
    const [soonest] = candidates.map((model) => ({ model, waitMs: this.#waitMs(model.name, now) }))
      .toSorted((one, other) => one.waitMs - other.waitMs);
    if (!soonest) return undefined;
    const { waitMs, model } = soonest;
    if (waitMs <= maxWaitMs && elapsedMs + waitMs < model.provider.totalMs) return soonest;
    this.#excessiveWaitMs = waitMs;
    return undefined;
  }

  /** Records that a model failed this request. */
  failed({ name }: Model, { kind, error }: LlmFailure): void {
    this.#tries.set(name, this.#triesOf(name) + 1);
    if (kind !== "cooldown" && kind !== "retry") this.#excluded.add(name);
    // Users can do something about a temporary error, unlike a wrong key.
    if (!this.#error?.recoverable || error.recoverable) this.#error = error;
  }

  /** The error for the user if no model has answered. */
  get error(): GatewayError {
    const retryMs = this.#excessiveWaitMs;
    if (this.#error && retryMs === undefined) return this.#error;
    if (this.#error?.recoverable) {
      const { code, message, recoverable, cause } = this.#error;
      const details = { ...this.#error.details, retry_after_ms: retryMs };
      return new GatewayError(code, message, { recoverable, details, cause });
    }
    const seconds = Math.ceil((retryMs ?? 0) / 1000);
    return new GatewayError(
      "llm_unavailable",
      `The model's provider accepts no more requests at the moment. Try again in ${seconds} seconds.`,
      { recoverable: true, details: { retry_after_ms: retryMs } },
    );
  }

  /** Respects a wait that the provider requested. Our own cooldown does not prevent a first attempt. */
  #waitMs(name: string, now: number): number {
    const { ms, requestedMs } = this.#cooldowns.remaining(name, now);
    const tries = this.#triesOf(name);
    return Math.max(requestedMs, Math.min(ms, tries === 0 ? 0 : backoffMs(tries, delays)));
  }

  #triesOf(name: string): number {
    return this.#tries.get(name) ?? 0;
  }
}
