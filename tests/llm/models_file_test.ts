import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../src/lib/config_error.ts";
import { costNanos } from "../../src/llm/catalog.ts";
import { type ModelSettings, parseModels, readModels } from "../../src/llm/models_file.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const llm = {
  model: "gpt",
  tierModels: {},
  fallbacks: [],
  showReasoning: false,
  autoTier: false,
  stallMs: 1000,
  totalMs: 9000,
};
const settings: ModelSettings = {
  modelsFile: "models.yaml",
  environment: (name) => name === "KEY" ? "key-1" : undefined,
  llm,
};

const parse = (text: string) => parseModels(text, settings);

Deno.test("providers, models, tiers and budgets are read", async () => {
  const { tiers, cooldown, budgets } = await parse(`
providers:
  main:
    base_url: https://api.example.com/v1
    api_key: \${KEY}
    headers: { X-Title: Clara }
    max_concurrent: 4
    requests_per_minute: 60
    stall_seconds: 5
  home: { base_url: "http://localhost:11434/v1" }
models:
  big:
    provider: main
    model: big-2026-01
    context_tokens: 128000
    max_output: 8000
    price: { input: 2.5, cached: 0.25, output: 10 }
    reasoning: low
  small: { provider: home }
tiers:
  high: [big, small]
  low: small
cool_down: { first_seconds: 2 }
budgets:
  "discord:42": { tokens_per_day: 1000, cost_per_day: 0.5 }
`);
  const [big, small] = tiers.high;
  assert.deepEqual(big, {
    name: "big",
    id: "big-2026-01",
    contextTokens: 128_000,
    maxOutput: 8000,
    price: { input: 2.5, cached: 0.25, output: 10 },
    reasoning: "low",
    provider: {
      name: "main",
      apiKey: "key-1",
      baseUrl: "https://api.example.com/v1",
      headers: { "X-Title": "Clara" },
      maxConcurrent: 4,
      requestsPerMinute: 60,
      stallMs: 5000,
      totalMs: 9000,
    },
  });
  assert.equal(small!.id, "small");
  assert.deepEqual(tiers.low, [small]);
  // A tier that is not listed has all models, in the order of the file.
  assert.deepEqual(tiers.mid, [big, small]);
  assert.deepEqual(cooldown, { firstMs: 2000, longestMs: 300_000, refusedMs: 900_000 });
  assert.deepEqual(budgets.get("discord:42"), { tokens: 1000, costNanos: 5e8 });
});

const invalid: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  [
    "a model without a provider",
    "providers: {}\nmodels:\n  a: { provider: b }",
    /:3: "models\.a\.provider": there is no provider "b"/,
  ],
  [
    "a tier without models",
    "providers: { p: {} }\nmodels: { a: { provider: p } }\ntiers: { mid: [a, b] }",
    /:3: "tiers\.mid": there is no model "b"/,
  ],
  ["no models", "providers: {}\nmodels: {}", /:2: "models": expected at least one model/],
  [
    "a key from an unset variable",
    "providers:\n  p:\n    api_key: ${NO}\nmodels: { a: { provider: p } }",
    /:3: "providers\.p\.api_key": the environment variable NO is not set/,
  ],
  [
    "an invalid URL",
    "providers:\n  p: { base_url: localhost }\nmodels: { a: { provider: p } }",
    /:2: "providers\.p\.base_url": expected an http/,
  ],
  [
    "an unknown key",
    "providers: { p: {} }\nmodels:\n  a: { provider: p, context: 5 }",
    /:3: .*"context"/,
  ],
  [
    "a negative price",
    "providers: { p: {} }\nmodels:\n  a: { provider: p, price: { input: -1, output: 2 } }",
    /:3: "models\.a\.price\.input"/,
  ],
  ["invalid YAML", "providers: [", /models\.yaml:1/],
];
for (const [name, text, message] of invalid) {
  Deno.test(`a models.yaml with ${name} is refused with file, line and key`, async () => {
    await assert.rejects(parse(text), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /models\.yaml/);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("without models.yaml, the models come from the settings", async () => {
  await using folder = new TempFolder();
  const modelsFile = join(folder.path, "models.yaml");
  assert.equal(await readModels({ ...settings, modelsFile }), undefined);
  const found = await readModels({
    ...settings,
    modelsFile,
    llm: { ...llm, apiKey: "k", tierModels: { high: "best" }, fallbacks: ["other", "gpt"] },
  });
  const names = (tier: "high" | "mid") => found!.tiers[tier].map(({ name }) => name);
  assert.deepEqual(names("high"), ["best", "other", "gpt"]);
  assert.deepEqual(names("mid"), ["gpt", "other"]);
  await Deno.writeTextFile(modelsFile, "providers: { p: {} }\nmodels: { a: { provider: p } }");
  assert.equal((await readModels({ ...settings, modelsFile }))!.tiers.mid[0]!.name, "a");
});

Deno.test("costs are whole billionths, and cached tokens are cheaper", () => {
  const price = { input: 0.15, cached: 0.075, output: 0.6 };
  const tokens = { inputTokens: 1_000_000, cachedTokens: 400_000, outputTokens: 500_000 };
  assert.equal(costNanos(price, tokens), 90_000_000 + 30_000_000 + 300_000_000);
  assert.equal(costNanos(undefined, tokens), 0);
  const one = costNanos(price, { inputTokens: 1, cachedTokens: 0, outputTokens: 1 });
  assert.equal(one, 750);
});
