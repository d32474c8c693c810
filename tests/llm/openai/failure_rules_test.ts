/** Classifies real errors of all providers. */

import assert from "node:assert/strict";
import { Cooldowns } from "../../../src/llm/cooldowns.ts";
import { defaultCooldown, type Model } from "../../../src/llm/catalog.ts";
import { toFailure } from "../../../src/llm/failure.ts";
import { failureRules, type Meaning, meaningOf } from "../../../src/llm/openai/failure_rules.ts";
import { errorInStream } from "../../../src/llm/openai/provider_error.ts";
import { type KnownError, providerErrors, readError } from "../../support/llm/providers/errors.ts";

const provider = { name: "p", headers: {}, stallMs: 1000, totalMs: 1000 };
const model: Model = { name: "m", id: "m-1", provider };

for (const [name, errors] of Object.entries(providerErrors)) {
  Deno.test(`errors of ${name} are classified`, async () => {
    for (const known of errors) {
      assert.equal(
        meaningOf(await readError(known)),
        known.meaning,
        `${known.status} ${known.body}`,
      );
    }
  });
}

/** Classes of problems with one request. */
const ofOneRequest: ReadonlySet<Meaning> = new Set([
  "too_long",
  "filtered",
  "image",
  "slip",
  "request",
]);

/** The cooldown of a model after an error, milliseconds. */
async function cooldownAfter(known: KnownError): Promise<number> {
  const cooldowns = new Cooldowns(defaultCooldown);
  const failure = toFailure(await readError(known), { model, now: 0 });
  cooldowns.failed(model.name, { failure, startedAt: 0, now: 0 });
  return cooldowns.remaining(model.name, 0).ms;
}

Deno.test("problems with one request cause no cooldown, all others do", async () => {
  const all = Object.values(providerErrors).flat();
  assert.ok(all.filter(({ meaning }) => ofOneRequest.has(meaning)).length > 60);
  for (const known of all) {
    const coolsDown = await cooldownAfter(known) > 0;
    assert.equal(coolsDown, !ofOneRequest.has(known.meaning), `${known.meaning} ${known.body}`);
  }
});

Deno.test("every class of failure is recognized for each provider that has it", () => {
  const hosted = Object.entries(providerErrors).filter(([name]) =>
    !/^(?:Ollama|vLLM|llama\.cpp|LM Studio|Others.*)$/.test(name)
  );
  for (const [name, errors] of hosted) {
    const known = new Set(errors.map(({ meaning }) => meaning));
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

Deno.test("quoted text of users and models does not affect the classification", async () => {
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
      const text = JSON.stringify(body);
      assert.equal(meaningOf(await readError({ status, body: text })), meaning, text);
    }
  }
});

Deno.test("every rule decides at least one known error", async () => {
  const deciding = new Set<number>();
  for (const known of Object.values(providerErrors).flat()) {
    const error = await readError(known);
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
