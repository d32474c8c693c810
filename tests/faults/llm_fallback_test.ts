/**
 * Fault 15 before anything was shown: a failing provider is skipped and asked again after its
 * cooldown; nobody waiting for an answer notices.
 */

import assert from "node:assert/strict";
import { within } from "../support/deadline.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import type { Reply } from "../support/llm/reply.ts";
import { LlmServer } from "../support/llm/server.ts";
import { ModelsFolder } from "../support/models_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { WallClock } from "../support/wall_clock.ts";

/** A gateway with the model "main" and its fallback "backup". */
async function twoProviders(
  options: { readonly main?: object; readonly coolDown?: object } = {},
) {
  const stack = new AsyncDisposableStack();
  const main = stack.use(LlmServer.start());
  const backup = stack.use(LlmServer.start({ script: () => ({ text: "From the backup" }) }));
  const folder = stack.use(
    new ModelsFolder(
      { main: { server: main, provider: options.main }, backup: { server: backup } },
      { cool_down: options.coolDown ?? {} },
    ),
  );
  const gateway = stack.use(await TestGateway.start({ llm: main, config: folder.config }));
  const adapter = stack.use(await gateway.connect());
  return {
    main,
    backup,
    gateway,
    adapter,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const sse = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;

/** Ways to fail before the first word. */
const failures: readonly (readonly [name: string, reply: Reply, provider?: object])[] = [
  ["rejects the key", { status: 401 }],
  ["denies permission", {
    status: 403,
    body: { error: { message: "Your API key lacks permission" } },
  }],
  ["knows no such model", { status: 404, body: { error: { code: "model_not_found" } } }],
  ["is overloaded", { status: 429, headers: { "retry-after": "60" } }],
  ["has no quota left", { status: 429, body: { error: { code: "insufficient_quota" } } }],
  ["requires payment", { status: 402 }],
  ["has an internal error", { status: 500 }],
  ["is down for maintenance", { status: 503 }],
  ["cannot process the request", { status: 422 }],
  ["closes its stream at once", { cut: true }],
  ["resets the connection", { cut: "reset" }],
  ["sends invalid JSON", { raw: ["data: {broken\n\n"] }],
  ["sends a web page", { raw: ["<html><body>Wi-Fi</body></html>"] }],
  ["reports an error in its stream", { raw: [sse({ error: { message: "overloaded" } })] }],
  ["never answers", { hang: "before-headers" }, { stall_seconds: 0.2 }],
  ["sends headers only", { hang: "after-headers" }, { stall_seconds: 0.2 }],
];

for (const [name, reply, provider] of failures) {
  Deno.test(`if a provider ${name}, the next model answers and nothing else shows`, async () => {
    await using setup = await twoProviders({
      main: provider,
      coolDown: { first_seconds: 60 },
    });
    const { main, backup, adapter } = setup;
    main.when(() => true, reply);
    const { frames, text, terminal } = await adapter.replyTo(adapter.say("Hello"));
    assert.deepEqual(
      frames.map(({ type }) => type).filter((type) => type !== "response_chunk"),
      ["response_start", "response_end"],
    );
    assert.equal(text, "From the backup");
    assert.equal(terminal.model, "backup");
    assert.equal(main.requests.length, 1);
    assert.equal(backup.requests.length, 1);
    // The next message skips it, unless the failure said nothing about the model.
    const again = await adapter.replyTo(adapter.say("And again"));
    assert.equal(again.terminal.model, "backup");
    assert.equal(main.requests.length, name === "cannot process the request" ? 2 : 1);
  });
}

Deno.test("a recovered provider is asked again after its cooldown, and not before", async () => {
  const cooldownMs = 400;
  await using setup = await twoProviders({ coolDown: { first_seconds: cooldownMs / 1000 } });
  const { main, adapter } = setup;
  let down = false;
  main.when(() => down, { status: 503 });
  const ask = async () => (await adapter.replyTo(adapter.say("Who is there?"))).terminal.model;
  assert.equal(await ask(), "main");
  down = true;
  assert.equal(await ask(), "backup");
  const failedAt = main.requests.at(-1)!.startedAt;
  down = false;
  let asked = 0;
  while (await ask() !== "main") asked++;
  assert.ok(asked > 0, "the backup answered during the cooldown");
  assert.equal(main.requests.length, 3);
  assert.ok(main.requests[2]!.startedAt - failedAt >= cooldownMs - 1);
});

Deno.test("a provider's Retry-After is respected", async () => {
  await using setup = await twoProviders({ coolDown: { first_seconds: 0.001 } });
  const { main, adapter } = setup;
  main.reply({ status: 429, headers: { "retry-after": "1" } });
  const ask = async () => (await adapter.replyTo(adapter.say("Now?"))).terminal.model;
  while (await ask() !== "main");
  const [busy, next] = main.requests;
  assert.ok(next!.startedAt - busy!.startedAt >= 999, "a second later");
  assert.equal(main.requests.length, 2);
});

Deno.test("setting the clock back does not prolong a cooldown or a time-out", async () => {
  using clock = new WallClock();
  await using setup = await twoProviders({ main: { stall_seconds: 0.3 } });
  const { main, adapter } = setup;
  const ask = async () => (await adapter.replyTo(adapter.say("Now?"))).terminal;
  main.reply({ status: 429, headers: { "retry-after": "1" } });
  assert.equal((await ask()).model, "backup");
  clock.setBack(3_600_000);
  while ((await ask()).model !== "main");
  const gate = new Gate();
  // For this turn only: later the gateway may be requesting a summary.
  main.when((request) => lastText(request) === "And now?", {
    text: ["Half ", "a word"],
    gateAfter: { chunks: 1, until: gate.opened },
    hang: "mid-stream",
  });
  const id = adapter.say("And now?");
  await adapter.waitFor(({ content, request_id }) => request_id === id && content === "Half ");
  clock.setBack(7_200_000);
  assert.equal((await adapter.replyTo(id)).terminal.code, "llm_timeout");
});

Deno.test("if every provider asks to wait, the error says how long", async () => {
  await using setup = await twoProviders();
  const { main, backup, adapter } = setup;
  main.when(() => true, { status: 429, headers: { "retry-after": "60" } });
  backup.when(() => true, { status: 429, headers: { "retry-after": "30" } });
  const first = await adapter.replyTo(adapter.say("Hello"));
  assert.equal(first.terminal.code, "llm_unavailable");
  assert.match(first.terminal.message!, /429.*later/);
  const { status, retry_after_ms } = first.terminal.details as Record<string, number>;
  assert.equal(status, 429);
  assert.ok(retry_after_ms! > 29_000 && retry_after_ms! <= 30_000, String(retry_after_ms));
  const { terminal } = await adapter.replyTo(adapter.say("Hello again"));
  assert.equal(terminal.code, "llm_unavailable");
  assert.equal(terminal.recoverable, true);
  assert.match(terminal.message!, /Try again in (?:29|30) seconds/);
  assert.deepEqual([main.requests.length, backup.requests.length], [1, 1]);
});

Deno.test("a short outage of the only model is waited out", async () => {
  await using server = LlmServer.start();
  await using folder = new ModelsFolder({ only: { server } });
  await using gateway = await TestGateway.start({ llm: server, config: folder.config });
  await using adapter = await gateway.connect();
  server.reply({ status: 500 }, { cut: true }, { text: "Here I am" });
  const { frames, text } = await adapter.replyTo(adapter.say("Hello"));
  assert.equal(text, "Here I am");
  assert.equal(frames.filter(({ type }) => type === "response_start").length, 1);
  assert.equal(server.requests.length, 3);
});

Deno.test("a conversation that is too long is not sent to another model", async () => {
  await using setup = await twoProviders();
  const { main, backup, adapter } = setup;
  for (
    const error of [
      { message: "too long", code: "context_length_exceeded" },
      { message: "This model's maximum context length is 8192 tokens" },
    ]
  ) {
    // It is shortened and sent once more to the same one.
    main.reply({ status: 400, body: { error } }, { status: 400, body: { error } });
    const { terminal } = await adapter.replyTo(adapter.say("Very long"));
    assert.equal(terminal.code, "context_too_long");
    assert.match(terminal.message!, /too long for model "main"/);
  }
  assert.equal(backup.requests.length, 0);
  assert.equal((await adapter.replyTo(adapter.say("Short"))).terminal.model, "main");
});

Deno.test("requests waiting for a full provider are served in order, and never too many at once", async () => {
  await using server = LlmServer.start();
  await using folder = new ModelsFolder({ only: { server, provider: { max_concurrent: 2 } } });
  await using gateway = await TestGateway.start({ llm: server, config: folder.config });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  server.when(() => true, { text: "Done", gate: gate.opened });
  const ids = Array.from(
    { length: 8 },
    (_, number) => adapter.say(`Number ${number}`, { channelId: `channel-${number}` }),
  );
  await server.request(1);
  await adapter.waitFor(({ type, request_id }) =>
    type === "response_start" && request_id === ids[7]
  );
  assert.equal(server.requests.length, 2);
  gate.open();
  for (const id of ids) assert.equal((await adapter.replyTo(id)).text, "Done");
  assert.equal(server.peak, 2);
});

Deno.test("a request waiting for its provider can be cancelled, and the next one goes on", async () => {
  await using server = LlmServer.start();
  await using folder = new ModelsFolder({ only: { server, provider: { max_concurrent: 1 } } });
  await using gateway = await TestGateway.start({ llm: server, config: folder.config });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  server.reply({ text: "First", gate: gate.opened });
  const first = adapter.say("One", { channelId: "one" });
  await server.request(0);
  const second = adapter.say("Two", { channelId: "two" });
  await adapter.waitFor(({ type, request_id }) =>
    type === "response_start" && request_id === second
  );
  const third = adapter.say("Three", { channelId: "three" });
  adapter.cancel(second);
  assert.equal((await adapter.replyTo(second)).terminal.type, "cancelled");
  gate.open();
  assert.equal((await adapter.replyTo(first)).text, "First");
  assert.equal((await adapter.replyTo(third)).text, "Three");
  assert.equal(server.requests.length, 2);
});

Deno.test("a wait for the only model ends at once when it is cancelled", async () => {
  await using server = LlmServer.start();
  await using folder = new ModelsFolder({ only: { server } });
  await using gateway = await TestGateway.start({ llm: server, config: folder.config });
  await using adapter = await gateway.connect();
  server.when(() => true, { status: 429, headers: { "retry-after": "9" } });
  const id = adapter.say("Hello");
  await (await server.request(0)).finished;
  adapter.cancel(id);
  const { terminal } = await within(adapter.replyTo(id), { timeoutMs: 5000, what: "the cancel" });
  assert.equal(terminal.type, "cancelled");
});
