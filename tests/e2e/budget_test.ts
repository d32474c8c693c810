/** Daily budgets of users, and tiers. */

import assert from "node:assert/strict";
import { LlmServer } from "../support/llm/server.ts";
import { ModelsFolder } from "../support/models_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** Each answer costs 11 + 7 tokens. */
const perAnswer = 18;
const price = { input: 100_000, output: 1_000_000 };

Deno.test("a user without tokens left is told so and until when; others go on", async () => {
  await using gateway = await TestGateway.start({
    config: { limits: { userTokensPerDay: 2 * perAnswer } },
  });
  await using adapter = await gateway.connect({ platform: "test" });
  for (const text of ["One", "Two"]) {
    assert.equal((await adapter.replyTo(adapter.say(text))).text, text);
  }
  const before = Date.now();
  const { frames, terminal } = await adapter.replyTo(adapter.say("Three"));
  assert.deepEqual(frames.map(({ type }) => type), ["error"]);
  assert.equal(terminal.code, "rate_limited");
  assert.equal(
    terminal.message,
    "Your budget for today is used up (36 of 36 tokens). It starts again at midnight UTC.",
  );
  const { retry_after_ms: left } = terminal.details as { retry_after_ms: number };
  assert.ok(left > 0 && left <= 86_400_000);
  const midnight = before + left;
  assert.ok(midnight % 86_400_000 < 60_000 || midnight % 86_400_000 > 86_340_000, `${midnight}`);
  assert.equal(gateway.llm.requests.length, 2);
  const elsewhere = { userId: "user-2", channelId: "channel-2" };
  const other = await adapter.replyTo(adapter.say("Hello", elsewhere));
  assert.equal(other.text, "Hello");
  // The budget survives a restart.
  await gateway.restart();
  await using again = await gateway.connect({ platform: "test" });
  assert.equal((await again.replyTo(again.say("Four"))).terminal.code, "rate_limited");
});

Deno.test("a user whose cost limit is reached must wait, unless the file allows that user more", async () => {
  await using server = LlmServer.start();
  await using folder = new ModelsFolder({ main: { server, model: { price } } }, {
    budgets: { "test:rich": { cost_per_day: 0 }, "test:poor": { cost_per_day: 1 } },
  });
  // An answer costs 1.1 + 7 dollars.
  await using gateway = await TestGateway.start({
    llm: server,
    config: { ...folder.config, limits: { userCostPerDay: 10 } },
  });
  await using adapter = await gateway.connect({ platform: "test" });
  const answers = async (userId: string) => {
    for (let count = 0; count < 4; count++) {
      const { terminal } = await adapter.replyTo(adapter.say("Hello", { userId }));
      if (terminal.type === "error") return [count, terminal.message];
    }
    return [4, undefined];
  };
  const [usual, message] = await answers("usual");
  assert.equal(usual, 2);
  assert.match(String(message), /used up \(\$16\.20 of \$10\.00\)/);
  assert.equal((await answers("poor"))[0], 1);
  assert.equal((await answers("rich"))[0], 4);
});

Deno.test("failed and cancelled turns count too", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { userTokensPerDay: 1 } } });
  await using adapter = await gateway.connect({ platform: "test" });
  gateway.llm.reply({ text: "Half", cut: true }, { text: "On", hang: "mid-stream" });
  await adapter.replyTo(adapter.say("Hello", { userId: "failed" }));
  const id = adapter.say("Hello", { userId: "cancelled" });
  await adapter.waitFor(({ type, request_id }) => type === "response_chunk" && request_id === id);
  adapter.cancel(id);
  assert.equal((await adapter.replyTo(id)).terminal.type, "cancelled");
  for (const userId of ["failed", "cancelled"]) {
    const { terminal } = await adapter.replyTo(adapter.say("And now?", { userId }));
    assert.equal(terminal.code, "rate_limited");
  }
});

Deno.test("a turn put back at shutdown is charged for what it has used so far", async () => {
  await using gateway = await TestGateway.start({ config: { drainMs: 0 } });
  await using adapter = await gateway.connect({ platform: "test" });
  gateway.llm.reply({ text: "On", hang: "mid-stream" });
  const id = adapter.say("Hello");
  await adapter.waitFor(({ type, request_id }) => type === "response_chunk" && request_id === id);
  await gateway.restart();
  await gateway.waitFor("message:sent", { requestId: id });
  const response = await fetch(`${gateway.httpUrl}/admin/usage`);
  const { total } = await response.json();
  assert.deepEqual([total.requests, total.estimated.requests], [2, 1]);
});

Deno.test("a message's prefix chooses the tier and is not shown to the model", async () => {
  await using gateway = await TestGateway.start({
    config: { llm: { tierModels: { high: "big", low: "small" } } },
  });
  await using adapter = await gateway.connect();
  const high = await adapter.replyTo(adapter.say("!high Think hard"));
  assert.equal(high.text, "Think hard");
  assert.equal(high.terminal.model, "big");
  assert.equal(high.frames[0]!.model, "big");
  assert.equal(high.frames[0]!.tier, "high");
  const low = await adapter.replyTo(adapter.say("!low Hi"));
  assert.equal(low.terminal.model, "small");
  assert.equal((await adapter.replyTo(adapter.say("Hello"))).terminal.model, "test-model");
  // The frame's tier wins: the adapter may have set it for the user.
  const both = await adapter.replyTo(adapter.say("!high Hi", { tier_override: "low" }));
  assert.deepEqual([both.terminal.model, both.text], ["small", "Hi"]);
  // History does not contain the prefix either.
  const said = gateway.llm.requests.at(-1)!.body.messages.slice(1).map(({ content }) => content);
  assert.ok(said.every((text) => !String(text).startsWith("!")), said.join(" | "));
});

Deno.test("fallbacks from the environment apply to the models of all tiers", async () => {
  await using gateway = await TestGateway.start({
    config: { llm: { tierModels: { high: "big" }, fallbacks: ["spare"] } },
  });
  await using adapter = await gateway.connect();
  gateway.llm.when(({ model }) => model !== "spare", { status: 404 });
  for (const tier_override of ["high", "mid"]) {
    const { terminal } = await adapter.replyTo(adapter.say("Hello", { tier_override }));
    assert.equal(terminal.model, "spare");
  }
});
