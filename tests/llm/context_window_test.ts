import assert from "node:assert/strict";
import { contextWindow, inputTokens } from "../../src/llm/context_window.ts";

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

Deno.test("space for the answer and a margin is reserved in small and large windows", () => {
  assert.equal(inputTokens(8_000), 5_400);
  assert.ok(inputTokens(128_000) > 100_000 && inputTokens(128_000) < 128_000 - 8_192);
});
