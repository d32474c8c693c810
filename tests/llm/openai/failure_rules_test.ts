/** What the errors of all providers mean, in the shapes and words in which they send them. */

import assert from "node:assert/strict";
import { Cooldowns } from "../../../src/llm/cooldowns.ts";
import { defaultCooldown, type Model } from "../../../src/llm/catalog.ts";
import { toFailure } from "../../../src/llm/failure.ts";
import { failureRules, type Meaning, meaningOf } from "../../../src/llm/openai/failure_rules.ts";
import { readChunk } from "../../../src/llm/openai/chunk.ts";
import {
  errorInStream,
  errorOfResponse,
  type ProviderError,
} from "../../../src/llm/openai/provider_error.ts";

const provider = { name: "p", headers: {}, stallMs: 1000, totalMs: 1000 };
const model: Model = { name: "m", id: "m-1", provider };

/** What an error means, its HTTP status (undefined: inside a stream), and its body. */
type KnownError = readonly [meaning: Meaning, status: number | undefined, body: string];

/** The errors of provider_errors.txt by provider. */
function readKnownErrors(): Readonly<Record<string, readonly KnownError[]>> {
  const known: Record<string, KnownError[]> = {};
  let errors: KnownError[] = [];
  const text = Deno.readTextFileSync(new URL("provider_errors.txt", import.meta.url));
  for (const line of text.trim().split("\n").slice(2)) {
    if (line.startsWith("# ")) known[line.slice(2)] = errors = [];
    const parts = /^(\w+) (\d{3}|stream) (.+)$/.exec(line);
    if (!parts) continue;
    const [, meaning, status, body] = parts;
    errors.push([meaning as Meaning, status === "stream" ? undefined : Number(status), body!]);
  }
  return known;
}

/** An error as the client reads it: by its status, or inside a stream where there is none. */
async function errorOf(status: number | undefined, body: unknown): Promise<ProviderError> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  if (status === undefined) return errorInStream(readChunk(JSON.parse(`{"error":${text}}`)).error);
  return await errorOfResponse(new Response(text, { status }));
}

const providerErrors = readKnownErrors();

for (const [name, errors] of Object.entries(providerErrors)) {
  Deno.test(`what the errors of ${name} mean`, async () => {
    for (const [meaning, status, body] of errors) {
      const error = await errorOf(status, body);
      assert.equal(meaningOf(error), meaning, `${status} ${JSON.stringify(body)}`);
    }
  });
}

/** What is wrong with one request. */
const ofOneRequest: ReadonlySet<Meaning> = new Set([
  "too_long",
  "filtered",
  "image",
  "slip",
  "request",
]);

Deno.test("nothing about one request puts a model into cooldown", async () => {
  const all = Object.values(providerErrors).flat();
  const own = all.filter(([meaning]) => ofOneRequest.has(meaning));
  assert.ok(own.length > 60);
  for (const [, status, body] of own) {
    const cooldowns = new Cooldowns(defaultCooldown);
    const failure = toFailure(await errorOf(status, body), { model, now: 0 });
    cooldowns.failed(model.name, { failure, startedAt: 0, now: 0 });
    assert.equal(cooldowns.remaining(model.name, 0).ms, 0, JSON.stringify(body));
  }
  for (const [meaning, status, body] of all.filter(([meaning]) => !ofOneRequest.has(meaning))) {
    const cooldowns = new Cooldowns(defaultCooldown);
    const failure = toFailure(await errorOf(status, body), { model, now: 0 });
    cooldowns.failed(model.name, { failure, startedAt: 0, now: 0 });
    assert.ok(cooldowns.remaining(model.name, 0).ms > 0, `${meaning} ${JSON.stringify(body)}`);
  }
});

Deno.test("every class of failure is known of every provider that has it", () => {
  const hosted = Object.entries(providerErrors).filter(([name]) =>
    !["Ollama", "vLLM", "llama.cpp", "LM Studio"].includes(name)
  );
  for (const [name, errors] of hosted) {
    const known = new Set(errors.map(([meaning]) => meaning));
    for (const meaning of ["too_long", "key", "model", "busy", "down"] as const) {
      assert.ok(known.has(meaning), `${name}: ${meaning}`);
    }
  }
});

/** What a user or a model can write to look like another error. */
const traps = [
  "invalid api key",
  "API key not valid",
  "The model `m-1` does not exist",
  "insufficient_quota: exceeded your current quota",
  "rate_limit_exceeded 429 overloaded_error",
  "maximum context length",
];

Deno.test("what users and models write does not decide what an error means", async () => {
  for (const trap of traps) {
    const echoes: readonly (readonly [Meaning, number, unknown])[] = [
      // Pydantic repeats what it refuses (Mistral, vLLM, LiteLLM).
      ["request", 422, {
        detail: [{
          type: "string_type",
          loc: ["body", "messages", 1, "user", "content"],
          msg: "Input should be a valid string",
          input: trap,
        }],
      }],
      ["request", 400, {
        object: "error",
        message:
          `[{'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': '${trap}'}]`,
        type: "BadRequestError",
        code: 400,
      }],
      ["slip", 400, {
        error: {
          message: "Failed to call a function. Please adjust your prompt.",
          type: "invalid_request_error",
          code: "tool_use_failed",
          failed_generation: trap,
        },
      }],
      ["slip", 500, { error: `error parsing tool call: raw='${trap}', err=invalid character` }],
      ["filtered", 403, {
        error: {
          message: "Your input was flagged",
          code: 403,
          metadata: { reasons: ["hate"], flagged_input: trap },
        },
      }],
    ];
    for (const [meaning, status, body] of echoes) {
      assert.equal(meaningOf(await errorOf(status, body)), meaning, JSON.stringify(body));
    }
  }
});

Deno.test("every rule decides at least one known error", async () => {
  const deciding = new Set<number>();
  for (const [, status, body] of Object.values(providerErrors).flat()) {
    const error = await errorOf(status, body);
    const { codes, text, page } = error;
    deciding.add(failureRules.findIndex((rule) =>
      (!rule.status || rule.status(error.status)) &&
      (!rule.code || codes.some((code) => rule.code!.test(code))) &&
      (!rule.text || rule.text.test(text)) && (rule.page === undefined || rule.page === page)
    ));
  }
  const unused = failureRules.filter((_, index) => !deciding.has(index));
  assert.deepEqual(unused, []);
});

Deno.test("the rules read a hostile error in linear time", () => {
  const pieces = [
    "model ",
    "image ",
    "exceeds the ",
    "a",
    "context",
    " ",
    "x".repeat(50),
    "token ",
  ];
  for (const piece of pieces) {
    const error = errorInStream({
      error: { message: piece.repeat(2_000), code: piece.repeat(200) },
    });
    const startedAt = performance.now();
    meaningOf(error);
    assert.ok(performance.now() - startedAt < 100, piece);
  }
});
