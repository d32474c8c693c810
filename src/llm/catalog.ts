/**
 * Which models there are, where they live and what they cost. Made from `models.yaml`
 * (`models_file.ts`) or from the environment's settings; used by the client and the budgets.
 */

import type { LlmConfig } from "../config/gateway_config.ts";
import { type Tier, tiers } from "../domain/message.ts";
import type { RequestPart } from "./openai/request_shape.ts";
import type { Spending } from "../store/usage_store.ts";

/** How long a model thinks before it answers, in the words of the API. */
export const reasoningEfforts = ["none", "minimal", "low", "medium", "high", "xhigh"] as const;

/** An OpenAI-compatible API. */
export interface Provider {
  readonly name: string;
  readonly apiKey?: string;
  /** Default: the one of OpenAI. */
  readonly baseUrl?: string;
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Requests at once; the others wait. */
  readonly maxConcurrent?: number;
  readonly requestsPerMinute?: number;
  /** Longest silence within a stream, milliseconds. */
  readonly stallMs: number;
  /** Longest time of one answer with all its tries, milliseconds. */
  readonly totalMs: number;
}

/** Dollars per million tokens; any other currency will do, too. */
export interface Price {
  readonly input: number;
  /** Of input that the provider had in its cache. */
  readonly cached: number;
  readonly output: number;
}

/** One model of a provider. */
export interface Model {
  /** What the operator calls it; frames, logs and the usage name it so. */
  readonly name: string;
  readonly provider: Provider;
  /** What its provider calls it. */
  readonly id: string;
  readonly contextTokens?: number;
  /** The longest answer, tokens. */
  readonly maxOutput?: number;
  readonly price?: Price;
  readonly reasoning?: typeof reasoningEfforts[number];
  readonly temperature?: number;
  /** Sent as `parallel_tool_calls`. Default: not sent. */
  readonly parallelToolCalls?: boolean;
  /** Optional parts of a request that the model does not take. Default: found out by trying. */
  readonly leaveOut?: readonly RequestPart[];
}

/** How long a model that failed is left alone, milliseconds. */
export interface CooldownTimes {
  /** After the first failure; each further one doubles it. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** After its provider refused the key or did not know it. */
  readonly refusedMs: number;
}

/** All models. The first of a tier answers; the others stand in for it, in their order. */
export interface ModelCatalog {
  readonly tiers: Readonly<Record<Tier, readonly Model[]>>;
  readonly cooldown: CooldownTimes;
  /** What single users may spend in a day, by their key; all others have the settings' budget. */
  readonly budgets: ReadonlyMap<string, Partial<Spending>>;
}

export const defaultCooldown: CooldownTimes = {
  firstMs: 1_000,
  longestMs: 300_000,
  refusedMs: 900_000,
};

/** The catalog of a machine without `models.yaml`; undefined where nothing tells of a provider. */
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

/** All models that a tier names, each once; those of the usual tier first. */
export function modelsOf(catalog: Pick<ModelCatalog, "tiers"> | undefined): readonly Model[] {
  if (!catalog) return [];
  const { mid, high, low } = catalog.tiers;
  const byName = new Map([...mid, ...high, ...low].map((model) => [model.name, model]));
  return [...byName.values()];
}

/** What tokens cost, billionths of a dollar: whole numbers, so that sums are exact. */
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
