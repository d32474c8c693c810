/**
 * The configured models, their providers, prices and budgets. Built from `models.yaml` (`models_file.ts`) or
 * from settings.
 */

import type { LlmConfig } from "../config/gateway_config.ts";
import { type Tier, tiers } from "../domain/message.ts";
import type { RequestPart } from "./openai/request_shape.ts";
import type { Spending } from "../store/usage_store.ts";

/** The API's values for the reasoning effort of a model. */
export const reasoningEfforts = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;

/** An OpenAI-compatible API. */
export interface Provider {
  readonly name: string;
  readonly apiKey?: string;
  /** Default: OpenAI's. */
  readonly baseUrl?: string;
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Maximum number of concurrent requests. Further ones wait. */
  readonly maxConcurrent?: number;
  readonly requestsPerMinute?: number;
  /** Time-out for the next data of a stream, milliseconds. */
  readonly stallMs: number;
  /** Time-out for an answer, including retries, milliseconds. */
  readonly totalMs: number;
}

/** Dollars, or another currency, per million tokens. */
export interface Price {
  readonly input: number;
  /** Price of cached input. */
  readonly cached: number;
  readonly output: number;
}

/** A model of a provider. */
export interface Model {
  /** The operator's name for it, used in frames, logs and usage. */
  readonly name: string;
  readonly provider: Provider;
  /** The provider's name for it. */
  readonly id: string;
  readonly contextTokens?: number;
  /** Maximum size of an answer, tokens. */
  readonly maxOutput?: number;
  readonly price?: Price;
  readonly reasoning?: typeof reasoningEfforts[number];
  readonly temperature?: number;
  /** Sent as `parallel_tool_calls`. Default: not sent. */
  readonly parallelToolCalls?: boolean;
  /** Optional parts of a request that the model does not support. Default: detected from its errors. */
  readonly leaveOut?: readonly RequestPart[];
}

/** Cooldowns of a failed model, milliseconds. */
export interface CooldownTimes {
  /** After the first failure. Each further failure doubles it. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** After the provider rejected the key or did not know the model. */
  readonly refusedMs: number;
}

/** All models. The first model of a tier answers; the others are its fallbacks, in order. */
export interface ModelCatalog {
  readonly tiers: Readonly<Record<Tier, readonly Model[]>>;
  readonly cooldown: CooldownTimes;
  /** Daily budgets of individual users, by user key. All others have the budget from the settings. */
  readonly budgets: ReadonlyMap<string, Partial<Spending>>;
}

export const defaultCooldown: CooldownTimes = {
  firstMs: 1_000,
  longestMs: 300_000,
  refusedMs: 900_000,
};

/** Builds the catalog from settings. Returns `undefined` if they configure no provider. */
export function catalogOf(config: LlmConfig): ModelCatalog | undefined {
  const { apiKey, baseUrl, stallMs, totalMs, fallbacks, model, tierModels } = config;
  if (!apiKey && !baseUrl) return undefined;
  const provider = { name: "default", apiKey, baseUrl, headers: {}, stallMs, totalMs };
  const modelsOf = (tier: Tier): readonly Model[] => {
    const names = new Set([tierModels[tier] ?? model, ...fallbacks]);
    return [...names].map((name) => ({ name, id: name, provider }));
  };
  return {
    tiers: Object.fromEntries(tiers.map((tier) => [tier, modelsOf(tier)])) as Record<
      Tier,
      readonly Model[]
    >,
    cooldown: defaultCooldown,
    budgets: new Map(),
  };
}

/** Returns the models of all tiers without duplicates, those of the default tier first. */
export function modelsOf(catalog: Pick<ModelCatalog, "tiers"> | undefined): readonly Model[] {
  if (!catalog) return [];
  const { mid, high, low } = catalog.tiers;
  const byName = new Map([...mid, ...high, ...low].map((model) => [model.name, model]));
  return [...byName.values()];
}

/** Returns the cost of tokens in billionths of a dollar, an integer so that sums are exact. */
export function costNanos(
  price: Price | undefined,
  tokens: {
    readonly inputTokens: number;
    readonly cachedTokens: number;
    readonly outputTokens: number;
  },
): number {
  if (!price) return 0;
  const { inputTokens, cachedTokens, outputTokens } = tokens;
  const perToken = (dollarsPerMillion: number) => dollarsPerMillion * 1000;
  const nanos = (inputTokens - cachedTokens) * perToken(price.input) +
    cachedTokens * perToken(price.cached) +
    outputTokens * perToken(price.output);
  return Math.min(Math.round(nanos), Number.MAX_SAFE_INTEGER);
}
