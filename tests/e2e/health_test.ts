/** The gateway's own status over HTTP. */

import assert from "node:assert/strict";
import { Gate } from "../support/gate.ts";
import { TestGateway } from "../support/test_gateway.ts";

const secret = "hidden-secret";
const apiKey = "hidden-key";

Deno.test("/health reports state and load, and no secret", async () => {
  await using gateway = await TestGateway.start({
    config: { secret, llm: { apiKey } },
  });
  await using adapter = await gateway.connect({ secret, platform: "discord" });
  const gate = new Gate();
  gateway.llm.when(() => true, { text: "Hi", gate: gate.opened });
  const ids = [adapter.say("one"), adapter.say("two")] as const;
  await adapter.waitFor(({ state }) => state === "queued");
  await gateway.llm.request(0);

  const response = await fetch(`${gateway.httpUrl}/health`);
  assert.equal(response.status, 200);
  const text = await response.text();
  for (const hidden of [secret, apiKey, "user-1", "channel-1", gateway.dataDir]) {
    assert.ok(!text.includes(hidden), hidden);
  }
  const { version, pid, uptime_seconds, ...health } = JSON.parse(text);
  assert.match(version, /^\d+\.\d+\.\d+/);
  assert.ok(Number.isInteger(uptime_seconds));
  assert.equal(pid, Deno.pid);
  const { bytes } = health.queue;
  assert.ok(bytes > 200 && bytes < 1_000, `${bytes} bytes of two short messages`);
  assert.deepEqual(health, {
    status: "ok",
    llm: { kind: "openai", model: "test-model" },
    store: { kind: "sqlite", queued: 1, running: 1, undelivered: 0 },
    adapters: { connected: 1, platforms: { discord: 1 } },
    queue: { active: 1, queued: 1, channels: 1, held: 0, bytes },
    hooks: { hooks: 0, queued: 0, running: 0, dropped: 0 },
    tasks: { tasks: 0, running: 0 },
    memory: { kind: "off" },
  });
  gate.open();
  for (const id of ids) await adapter.replyTo(id);
  await gateway.allDelivered();
  const { queue, store } = await gateway.health();
  assert.deepEqual(queue, { active: 0, queued: 0, channels: 0, held: 0, bytes: 0 });
  assert.deepEqual(store, { kind: "sqlite", queued: 0, running: 0, undelivered: 0 });
});

Deno.test("/health reports that the gateway is stopping", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.reply({ text: "Last words", gate: gate.opened });
  const id = adapter.say("Hello");
  await gateway.llm.request(0);
  const stopped = gateway.stop();
  const response = await fetch(`${gateway.httpUrl}/health`);
  assert.equal(response.status, 503);
  assert.equal((await response.json()).status, "stopping");
  gate.open();
  assert.equal((await adapter.replyTo(id)).text, "Last words");
  await stopped;
});

Deno.test("other paths point to the documentation or do not exist", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  const get = async (path: string, method = "GET") => {
    const response = await fetch(gateway.httpUrl + path, { method });
    return { status: response.status, text: await response.text() };
  };
  const root = await get("/");
  assert.equal(root.status, 200);
  assert.equal(JSON.parse(root.text).name, "clara-gateway");
  assert.equal(JSON.parse(root.text).health, "/health");
  assert.equal((await get("/ws")).status, 426);
  for (const path of ["/nothing", "/health/", "/../etc/passwd", "/%00"]) {
    assert.equal((await get(path)).status, 404, path);
  }
  assert.equal((await get("/health", "POST")).status, 404);
  assert.equal((await gateway.health()).status, "ok");
});
