/**
 * Named secrets and scopes, replacing secrets at run time, rate limits, and limits before
 * registration.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TestGateway } from "../support/test_gateway.ts";

const file = (lines: string) => `secrets:\n${lines}`;

Deno.test("secrets can be replaced while adapters are connected: they stay, and only the new secret opens", async () => {
  await using gateway = await TestGateway.start();
  const path = join(gateway.dataDir, "secrets.yaml");
  await Deno.writeTextFile(path, file("  - { name: old, secret: one }\n"));
  assert.deepEqual(await gateway.gateway.reload(), []);
  await using before = await gateway.connect({ secret: "one" });
  await Deno.writeTextFile(path, file("  - { name: new, secret: two }\n"));
  assert.deepEqual(await gateway.gateway.reload(), []);
  assert.equal((await before.replyTo(before.say("still here"))).text, "still here");
  await assert.rejects(gateway.connect({ secret: "one" }), /unauthorized/);
  await using after = await gateway.connect({ secret: "two" });
  assert.equal((await after.replyTo(after.say("Hello"))).text, "Hello");

  // An invalid or empty file changes nothing and lets nobody in.
  for (const wrong of [file("  - { name: x }\n"), "", "secrets: []\n"]) {
    await Deno.writeTextFile(path, wrong);
    const [problem] = await gateway.gateway.reload();
    assert.match(problem!, /secrets\.yaml/);
    await assert.rejects(gateway.connect({}), /unauthorized/);
    await (await gateway.connect({ secret: "two" })).close();
  }
});

Deno.test("a secret of scope adapter can neither manage servers nor use the admin interface", async () => {
  await using gateway = await TestGateway.start({ config: { secret: "all" } });
  const path = join(gateway.dataDir, "secrets.yaml");
  await Deno.writeTextFile(
    path,
    file("  - { name: bot, secret: bot }\n  - { name: ops, secret: ops, scopes: [admin] }\n"),
  );
  await gateway.gateway.reload();
  await using bot = await gateway.connect({ secret: "bot" });
  bot.send({ type: "mcp_install", request_id: "i", source: "npx evil" });
  const refused = await bot.waitFor(({ request_id }) => request_id === "i");
  assert.equal(refused.code, "unauthorized");
  bot.send({ type: "mcp_list", request_id: "l" });
  const list = await bot.waitFor(({ request_id }) => request_id === "l");
  assert.equal(list.type, "mcp_list_response");
  await assert.rejects(
    gateway.connect({ secret: "ops" }),
    /unauthorized: .*does not have the scope adapter/,
  );
  const admin = async (secret: string) => {
    const headers = { authorization: `Bearer ${secret}` };
    const response = await fetch(`${gateway.httpUrl}/admin/hooks`, { headers });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual(
    await Promise.all([admin("ops"), admin("all"), admin("bot"), admin("wrong")]),
    [200, 200, 403, 401],
  );
});

Deno.test("a user who sends too much is told when to retry; other users are not affected", async () => {
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { limits: { userMessagesPerMinute: 3 } },
  });
  await using adapter = await gateway.connect();
  for (const word of ["one", "two", "three"]) await adapter.replyTo(adapter.say(word));
  const { terminal } = await adapter.replyTo(adapter.say("four"));
  assert.equal(terminal.code, "rate_limited");
  assert.equal(terminal.recoverable, true);
  const { retry_after_ms } = terminal.details as { readonly retry_after_ms: number };
  assert.ok(retry_after_ms > 0 && retry_after_ms <= 20_000, String(retry_after_ms));
  const other = await adapter.replyTo(adapter.say("hello", { userId: "user-2" }));
  assert.equal(other.text, "hello");
});

Deno.test("an adapter that sends too much is told so", async () => {
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { limits: { adapterMessagesPerMinute: 12 } },
  });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("one", { userId: "a" }));
  await adapter.replyTo(adapter.say("two", { userId: "b" }));
  const { terminal } = await adapter.replyTo(adapter.say("three", { userId: "c" }));
  assert.equal(terminal.code, "rate_limited");
});

Deno.test("before registration a socket may send at most 64 KiB at once", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  await using fine = await gateway.connectRaw();
  fine.register({ metadata: { padding: "x".repeat(60_000) } });
  await fine.waitFor(({ type }) => type === "registered");
  const long = fine.say("y".repeat(100_000));
  assert.equal((await fine.replyTo(long)).terminal.type, "response_end");
  await using stranger = await gateway.connectRaw();
  stranger.register({ metadata: { padding: "x".repeat(70_000) } });
  const error = await stranger.waitFor(({ type }) => type === "error");
  assert.equal(error.code, "frame_too_large");
  assert.equal((await stranger.closed).code, 1009);
});

Deno.test("a flood of frames closes its own socket and no other", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  await using quiet = await gateway.connect();
  await using flood = await gateway.connect();
  const ping = JSON.stringify({ type: "ping" });
  for (let count = 0; count < 100_000; count++) flood.sendText(ping);
  // Frames still in flight may break the connection before the close frame arrives.
  assert.ok([4429, 1006].includes((await flood.closed).code));
  const gone = await gateway.waitFor("adapter:disconnected");
  assert.equal((gone.data as { readonly reason: string }).reason, "too many frames");
  assert.equal((await quiet.replyTo(quiet.say("Hello"))).text, "Hello");
});
