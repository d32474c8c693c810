/** Finds the refused part of a request in the provider's error text. */

import assert from "node:assert/strict";
import {
  refusedPart,
  refusedTool,
  type RequestPart,
  requestParts,
} from "../../../src/llm/openai/request_shape.ts";
import { errorOfResponse, type ProviderError } from "../../../src/llm/openai/provider_error.ts";

/** One refusal of provider_refusals.txt. */
interface Refusal {
  /** The part; `nothing`; or `tool:` and a name. */
  readonly refused: string;
  readonly provider: string;
  readonly error: ProviderError;
}

const refusals: readonly Refusal[] = await readRefusals();

async function readRefusals(): Promise<readonly Refusal[]> {
  const text = await Deno.readTextFile(new URL("provider_refusals.txt", import.meta.url));
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return await Promise.all(lines.map(async (line) => {
    const [, refused, provider, status, body] = /^(\S+) (\S+) (\d{3}) (.+)$/.exec(line)!;
    const error = await errorOfResponse(new Response(body!, { status: Number(status) }));
    return { refused: refused!, provider: provider!, error };
  }));
}

/** Everything that a request can have at once. */
const everything = new Set(requestParts.filter((part) => part !== "max_completion_tokens"));
const sent = {
  parts: everything,
  fields: ["vendor_thing", "reasoning_content"],
  tools: ["a", "b", "c", "d"],
};

for (const part of requestParts) {
  Deno.test(`a refusal of ${part} is understood`, () => {
    const parts = new Set<RequestPart>([...everything, part]);
    const known = refusals.filter(({ refused }) => refused === part);
    assert.ok(known.length > 0);
    for (const { provider, error } of known) {
      assert.equal(refusedPart(error, { ...sent, parts }), part, `${provider}: ${error.message}`);
    }
  });
}

Deno.test("only what the error names is left out", () => {
  for (const { refused, provider, error } of refusals) {
    if (refused === "nothing" || refused.startsWith("tool:")) continue;
    // These name two parts that do not go together.
    if (/alternate|in streaming mode|tools with reasoning/.test(error.text)) continue;
    const parts = new Set([...everything].filter((part) => part !== refused));
    assert.equal(refusedPart(error, { parts }), undefined, `${provider}: ${error.message}`);
  }
});

Deno.test("an error that only mentions a part of the request is not a refusal of it", () => {
  const known = refusals.filter(({ refused }) => refused === "nothing");
  assert.ok(known.length > 10);
  for (const { provider, error } of known) {
    assert.equal(refusedPart(error, sent), undefined, `${provider}: ${error.message}`);
    assert.equal(refusedTool(error, sent), undefined, `${provider}: ${error.message}`);
  }
});

Deno.test("a tool whose schema is refused is found by its index or its name", () => {
  const known = refusals.filter(({ refused }) => refused.startsWith("tool:"));
  assert.ok(known.length > 5);
  for (const { refused, provider, error } of known) {
    assert.equal(refusedPart(error, sent), undefined, `${provider}: ${error.message}`);
    assert.equal(`tool:${refusedTool(error, sent)}`, refused, `${provider}: ${error.message}`);
  }
});
