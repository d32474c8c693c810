/**
 * Reads `models.yaml` (docs/models.md): providers, models, tiers and budgets. If the file is invalid, the
 * gateway does not start, and the error names file, line and key.
 */

import * as z from "zod";
import type { GatewayConfig } from "../config/gateway_config.ts";
import { errorText } from "../lib/error_text.ts";
import { type Tier, tiers } from "../domain/message.ts";
import { requestParts } from "./openai/request_shape.ts";
import type { Spending } from "../store/usage_store.ts";
import { hideFromLog } from "../logging/log.ts";
import { secretsOfHeaders, secretsOfUrl } from "../logging/redaction.ts";
import { expandVariables } from "../lib/variables.ts";
import { maxTimerSeconds } from "../lib/wait.ts";
import { readTextFile } from "../lib/files.ts";
import { isEmptyYaml, parseYaml } from "../lib/yaml.ts";
import {
  catalogOf,
  defaultCooldown,
  type Model,
  type ModelCatalog,
  type Provider,
  reasoningEfforts,
} from "./catalog.ts";

/** Sources of a catalog. */
export type ModelSettings = Pick<GatewayConfig, "modelsFile" | "environment" | "llm">;

type File = z.output<ReturnType<typeof fileSchema>>;

/**
 * Reads the models from `models.yaml` or, if there is no such file, from settings. Returns `undefined` if no
 * provider is configured.
 *
 * @throws {ConfigError} with file, line, key and the expected value.
 */
export async function readModels(settings: ModelSettings): Promise<ModelCatalog | undefined> {
  const text = await readTextFile(settings.modelsFile);
  return text === undefined || isEmptyYaml(text)
    ? catalogOf(settings.llm)
    : await parseModels(text, settings);
}

/** Parses the text of a `models.yaml`. @throws {ConfigError} as above. */
export async function parseModels(text: string, settings: ModelSettings): Promise<ModelCatalog> {
  const { modelsFile: path, environment, llm } = settings;
  const file = await parseYaml(text, { schema: fileSchema(environment), path });
  hideFromLog(Object.values(file.providers).flatMap(secretsOf));
  const providers = new Map(
    Object.entries(file.providers).map(([name, found]) => [name, toProvider(name, found, llm)]),
  );
  const models = new Map(
    Object.entries(file.models).map(([name, found]) => [
      name,
      toModel(name, found, providers.get(found.provider)!),
    ]),
  );
  const usual = file.tiers.mid ?? [...models.keys()];
  const modelsOf = (tier: Tier) => (file.tiers[tier] ?? usual).map((name) => models.get(name)!);
  const { first_seconds, longest_seconds, refused_seconds } = file.cool_down;
  return {
    tiers: { high: modelsOf("high"), mid: modelsOf("mid"), low: modelsOf("low") },
    cooldown: {
      firstMs: first_seconds * 1000,
      longestMs: longest_seconds * 1000,
      refusedMs: refused_seconds * 1000,
    },
    budgets: new Map(
      Object.entries(file.budgets).map(([user, budget]) => [user, toBudget(budget)]),
    ),
  };
}

const seconds = z.number().positive().max(maxTimerSeconds);
const count = z.number().int().positive();
const dollars = z.number().min(0);

const modelSchema = z.strictObject({
  provider: z.string(),
  model: z.string().min(1).optional(),
  context_tokens: count.optional(),
  max_output: count.optional(),
  price: z.strictObject({ input: dollars, cached: dollars.optional(), output: dollars }).optional(),
  reasoning: z.enum(reasoningEfforts).optional(),
  temperature: z.number().min(0).max(2).optional(),
  parallel_tool_calls: z.boolean().optional(),
  leave_out: z.array(z.enum(requestParts)).optional(),
});

const cooldownSchema = z.strictObject({
  first_seconds: seconds.default(defaultCooldown.firstMs / 1000),
  longest_seconds: seconds.default(defaultCooldown.longestMs / 1000),
  refused_seconds: seconds.default(defaultCooldown.refusedMs / 1000),
});

const budgetSchema = z.strictObject({
  tokens_per_day: z.number().int().min(0).optional(),
  cost_per_day: dollars.optional(),
});

/** A string in which `${NAME}` is replaced with the environment variable. */
function expanded(environment: (name: string) => string | undefined) {
  return z.string().transform((text, context) => {
    try {
      return expandVariables(text, environment);
    } catch (error) {
      context.addIssue({ code: "custom", message: errorText(error) });
      return z.NEVER;
    }
  });
}

function fileSchema(environment: (name: string) => string | undefined) {
  const text = expanded(environment);
  const provider = z.strictObject({
    base_url: text.refine((url) => URL.canParse(url) && /^https?:/.test(url), {
      error: "expected an http:// or https:// URL",
    }).optional(),
    api_key: text.optional(),
    headers: z.record(z.string(), text).default({}),
    max_concurrent: count.optional(),
    requests_per_minute: count.optional(),
    stall_seconds: seconds.optional(),
    total_seconds: seconds.optional(),
  });
  const names = z.union([z.string(), z.array(z.string()).min(1)])
    .transform((value) => [value].flat());
  return z.strictObject({
    providers: z.record(z.string(), provider),
    models: z.record(z.string(), modelSchema),
    tiers: z.strictObject({ high: names.optional(), mid: names.optional(), low: names.optional() })
      .default({}),
    cool_down: cooldownSchema.default(cooldownSchema.parse({})),
    budgets: z.record(z.string(), budgetSchema).default({}),
  }).superRefine(checkNames);
}

/** Checks that all references exist. A typo in a fallback would otherwise go unnoticed until an outage. */
function checkNames(
  file: {
    readonly providers: object;
    readonly models: Readonly<Record<string, { readonly provider: string }>>;
    readonly tiers: Partial<Readonly<Record<Tier, readonly string[]>>>;
  },
  context: z.RefinementCtx,
): void {
  const problem = (path: string[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  if (Object.keys(file.models).length === 0) problem(["models"], "expected at least one model");
  for (const [name, { provider }] of Object.entries(file.models)) {
    if (Object.hasOwn(file.providers, provider)) continue;
    problem(["models", name, "provider"], `there is no provider "${provider}"`);
  }
  for (const tier of tiers) {
    for (const name of file.tiers[tier] ?? []) {
      if (!Object.hasOwn(file.models, name)) {
        problem(["tiers", tier], `there is no model "${name}"`);
      }
    }
  }
}

function toProvider(
  name: string,
  found: File["providers"][string],
  defaults: { readonly stallMs: number; readonly totalMs: number },
): Provider {
  const { stall_seconds: stall, total_seconds: total } = found;
  return {
    name,
    apiKey: found.api_key,
    baseUrl: found.base_url,
    headers: found.headers,
    maxConcurrent: found.max_concurrent,
    requestsPerMinute: found.requests_per_minute,
    stallMs: stall === undefined ? defaults.stallMs : stall * 1000,
    totalMs: total === undefined ? defaults.totalMs : total * 1000,
  };
}

/** Returns secrets that the provider may repeat in its errors, to hide them from the log. */
function secretsOf({ api_key, base_url, headers }: File["providers"][string]): readonly string[] {
  const ofUrl = base_url === undefined ? [] : secretsOfUrl(base_url);
  return [api_key ?? "", ...ofUrl, ...secretsOfHeaders(headers)];
}

function toModel(name: string, found: File["models"][string], provider: Provider): Model {
  const { model: id = name, price, reasoning } = found;
  return {
    name,
    id,
    provider,
    contextTokens: found.context_tokens,
    maxOutput: found.max_output,
    price: price && { ...price, cached: price.cached ?? price.input },
    reasoning,
    ...(found.temperature !== undefined && { temperature: found.temperature }),
    ...(found.parallel_tool_calls !== undefined && {
      parallelToolCalls: found.parallel_tool_calls,
    }),
    ...(found.leave_out && { leaveOut: found.leave_out }),
  };
}

/** Converts a budget. Zero means unlimited, as in the settings. */
function toBudget({ tokens_per_day: tokens, cost_per_day: cost }: z.output<typeof budgetSchema>) {
  const budget: Partial<Spending> = {
    ...(tokens !== undefined && { tokens }),
    ...(cost !== undefined && { costNanos: Math.round(cost * 1e9) }),
  };
  return budget;
}
