import assert from "node:assert/strict";
import { defaultCooldown, type Model } from "../../../src/llm/catalog.ts";
import { OpenAiClient } from "../../../src/llm/openai/client.ts";

const provider = { name: "p", headers: {}, stallMs: 1000, totalMs: 1000 };

function windowOf(...models: readonly Omit<Model, "provider">[]): number {
  const tier = models.map((model) => ({ ...model, provider }));
  const tiers = { high: tier, mid: tier, low: tier };
  const catalog = { tiers, cooldown: defaultCooldown, budgets: new Map() };
  return new OpenAiClient({ catalog }).contextTokensOf("mid");
}

Deno.test("a tier's window is the smallest of its models, looked up by the provider's name for each", () => {
  assert.equal(windowOf({ name: "smart", id: "gpt-4" }), 8_192);
  assert.equal(windowOf({ name: "gpt-4", id: "anthropic/claude-x" }), 200_000);
  assert.equal(windowOf({ name: "smart", id: "gpt-4o" }, { name: "old", id: "gpt-4-0613" }), 8_192);
  const large = { name: "large", id: "gpt-4", contextTokens: 500_000 };
  assert.equal(windowOf(large), 500_000, "what the operator says counts");
  assert.equal(windowOf(large, { name: "unknown", id: "home-made" }), 128_000);
});
