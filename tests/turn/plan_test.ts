import assert from "node:assert/strict";
import { catalogOf } from "../../src/llm/catalog.ts";
import { OpenAiClient } from "../../src/llm/openai/client.ts";
import { splitTier, TurnPlanner } from "../../src/turn/plan.ts";
import type { UsageEntry } from "../../src/store/usage_store.ts";
import { within } from "../support/deadline.ts";
import { LlmServer } from "../support/llm/server.ts";
import { message } from "../store/conformance/samples.ts";

const account = { userKey: "test:ada", channelKey: "test:channel-1" };
const plain = (content: string) => message("a", { content, attachments: [] });

const prefixes: readonly (readonly [text: string, content: string, tier?: string])[] = [
  ["!high Prove it", "Prove it", "high"],
  ["  !LOW\nhi", "hi", "low"],
  ["!mid  two  spaces", "two  spaces", "mid"],
  ["!highest mountain?", "!highest mountain?"],
  ["Set it to !high now", "Set it to !high now"],
  ["!high", "!high"],
  ["!high !low Hm", "!low Hm", "high"],
];
for (const [text, content, tier] of prefixes) {
  Deno.test(`${JSON.stringify(text)} names ${tier ? `tier ${tier}` : "no tier"}`, () => {
    const found = splitTier(plain(text));
    assert.equal(found.message.content, content);
    assert.equal(found.tier, tier);
  });
}

Deno.test("a prefix may be the whole text of a message with a file", () => {
  const found = splitTier(message("a", { content: "!high" }));
  assert.equal(found.message.content, "");
  assert.equal(found.tier, "high");
});

/** A planner whose low tier is a scripted server. */
function planner(
  server: LlmServer,
  options: { readonly classifyMs?: number; readonly stored?: UsageEntry[] } = {},
) {
  const catalog = catalogOf({
    baseUrl: server.url,
    model: "model",
    tierModels: { low: "small" },
    fallbacks: [],
    showReasoning: false,
    autoTier: true,
    stallMs: 60_000,
    totalMs: 60_000,
  })!;
  const storeUsage = (entries: readonly UsageEntry[]) => {
    options.stored?.push(...entries);
    return Promise.resolve();
  };
  return new TurnPlanner({
    llm: new OpenAiClient({ catalog, storeUsage }),
    budget: { check: () => Promise.resolve() },
    autoTier: true,
    classifyMs: options.classifyMs,
  });
}

const { signal } = new AbortController();

Deno.test("the low tier classifies a message, and its user is charged for it", async () => {
  await using server = LlmServer.start();
  const stored: UsageEntry[] = [];
  server.reply({ text: "High." }, { text: "low" }, { text: "I would say: it depends" });
  const plans = planner(server, { stored });
  const tierOf = async (text: string) => (await plans.plan(plain(text), account, signal)).tier;
  assert.equal(await tierOf("Prove Fermat's last theorem"), "high");
  assert.equal(await tierOf("Hi"), "low");
  assert.equal(await tierOf("Hm"), "mid");
  assert.equal(server.requests[0]!.body.model, "small");
  const [entry] = stored;
  assert.deepEqual({ ...entry, at: 0 }, {
    ...account,
    model: "small",
    purpose: "tier",
    inputTokens: 11,
    cachedTokens: 0,
    outputTokens: 7,
    costNanos: 0,
    estimated: false,
    at: 0,
  });
  assert.equal(stored.length, 3);
});

Deno.test("a message that names its tier is not classified", async () => {
  await using server = LlmServer.start();
  const plans = planner(server);
  const named = message("a", { content: "!low Hi", tier: "high" });
  const plan = await plans.plan(named, account, signal);
  assert.deepEqual([plan.tier, plan.message.content], ["high", "Hi"]);
  assert.equal((await plans.plan(plain("!low Hi"), account, signal)).tier, "low");
  assert.equal(server.requests.length, 0);
});

Deno.test("a classification that takes too long is aborted, and mid answers", async () => {
  await using server = LlmServer.start();
  server.reply({ hang: "before-headers" });
  const { tier } = await planner(server, { classifyMs: 50 }).plan(plain("Hi"), account, signal);
  assert.equal(tier, "mid");
  await within(server.requests[0]!.closedByClient, { what: "the end of the request" });
});

Deno.test("mid answers if the classification fails", async () => {
  await using server = LlmServer.start();
  server.reply({ status: 401 });
  assert.equal((await planner(server).plan(plain("Hi"), account, signal)).tier, "mid");
});

Deno.test("a cancel aborts the classification", async () => {
  await using server = LlmServer.start();
  server.reply({ hang: "before-headers" });
  const cancel = new AbortController();
  const planning = planner(server).plan(plain("Hi"), account, cancel.signal);
  const request = await server.request(0);
  cancel.abort(new Error("cancelled"));
  assert.equal((await planning).tier, "mid");
  await within(request.closedByClient, { what: "the end of the request" });
});
