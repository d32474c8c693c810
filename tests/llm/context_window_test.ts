import assert from "node:assert/strict";
import { contextWindow } from "../../src/llm/context_window.ts";
import { TokenScale } from "../../src/llm/token_scale.ts";

const windows = {
  "gpt-4o-mini": 128_000,
  "gpt-4.1-nano": 1_047_576,
  "gpt-4": 8_192,
  "gpt-3.5-turbo": 16_385,
  "gpt-5-mini": 400_000,
  "openai/gpt-5-chat-latest": 128_000,
  "o3-mini": 200_000,
  "anthropic/claude-sonnet-4": 200_000,
  "google/gemini-2.5-flash": 1_048_576,
  "llama3.2": 131_072,
  "meta-llama/Llama-3.1-8B-Instruct": 131_072,
  "llama3:8b": 8_192,
  "mistral-7b-instruct": 32_768,
  "Qwen2.5-7B": 32_768,
  "something-of-my-own": 128_000,
};
for (const [model, tokens] of Object.entries(windows)) {
  Deno.test(`the window of ${model} is ${tokens}`, () => {
    assert.equal(contextWindow(model), tokens);
  });
}

Deno.test("an estimate that was too low is corrected upwards, and slowly back again", () => {
  const scale = new TokenScale();
  assert.equal(scale.of("m"), 1);
  scale.learn("m", { estimated: 100, actual: 0 });
  scale.learn("m", { estimated: 100, actual: 50 });
  assert.equal(scale.of("m"), 1);
  scale.learn("m", { estimated: 100, actual: 150 });
  assert.equal(scale.of("m"), 1.5);
  assert.equal(scale.of("another"), 1);
  scale.learn("m", { estimated: 100, actual: 90 });
  assert.ok(scale.of("m") < 1.5 && scale.of("m") > 1.49);
  scale.learn("m", { estimated: 100, actual: 100_000 });
  assert.equal(scale.of("m"), 2);
});
