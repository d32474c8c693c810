/** Abuse is answered with an error or a limit; memory stays bounded and others are served. */
// Runs alone: it opens ten thousand sockets and measures memory.

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { within } from "../support/deadline.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { IdleSocket, RefusedError } from "../support/adapter/idle_socket.ts";
import { messageFrame } from "../support/adapter/message_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";

const MiB = 1 << 20;

/** Resident memory of a process in bytes. */
function memoryOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

Deno.test("fault 26: before register all other frames are refused, and a thousand wrong secrets are rate-limited", async () => {
  await using gateway = await TestGateway.start({ llm: "echo", config: { secret: "right" } });
  {
    await using stranger = await gateway.connectRaw();
    const frames = [
      messageFrame("Hello", { dialect: "clara-1", requestId: "1" }),
      messageFrame("Hello", { dialect: "clara-py", requestId: "2" }),
      { type: "cancel", request_id: "1" },
      { type: "ping" },
      { type: "status" },
      { type: "ack", seq: 1 },
      { type: "approval_response", approval_id: "1", approved: true },
      { type: "mcp_list", request_id: "1" },
    ];
    for (const frame of frames) {
      const from = stranger.frames.length;
      stranger.send(frame);
      const error = await stranger.waitFor(() => true, { from });
      assert.equal(error.code, "not_registered", frame.type as string);
    }
  }
  const codes = new Map<string, number>();
  for (let batch = 0; batch < 20; batch++) {
    await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      await using stranger = await gateway.connectRaw();
      stranger.register({ secret: `wrong ${batch} ${index}` });
      const { code } = await stranger.waitFor(({ type }) => type === "error");
      codes.set(code!, (codes.get(code!) ?? 0) + 1);
      await stranger.closed;
    }));
  }
  assert.deepEqual(codes, new Map([["unauthorized", 10], ["rate_limited", 990]]));
});

Deno.test("fault 26: sockets that never register leave room for adapters, even if they ignore the close", async () => {
  const secret = "right";
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { secret, registerTimeoutMs: 50, limits: { connections: 8 } },
  });
  const { hostname, port } = new URL(gateway.url);
  const open = () => IdleSocket.open({ hostname, port: Number(port) });
  // Unregistered sockets of one address may use a quarter of all.
  using first = await open();
  using second = await open();
  await assert.rejects(open(), /503 [^]*retry-after: 1/);
  // They are closed, but ignore it.
  for (const stranger of [first, second]) await stranger.readUntil("no register");
  await assert.rejects(open(), RefusedError);
  const headers = { Authorization: `Bearer ${secret}` };
  for (let count = 0; count < 6; count++) {
    const adapter = await gateway.connect({ headers, nodeId: `adapter-${count}` });
    assert.equal((await adapter.replyTo(adapter.say("Hello"))).text, "Hello");
    await adapter.close();
  }
});

Deno.test("fault 26: an adapter that registers in a tight loop is rate-limited, and no other one is", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  let refused = 0;
  // While it continues, it earns a few more.
  for (let count = 0; count < 200 && refused === 0; count++) {
    await using loop = await gateway.connectRaw();
    loop.register({ nodeId: "loop" });
    const frame = await loop.waitFor(() => true);
    if (frame.type === "registered") continue;
    refused = count;
    assert.equal(frame.code, "rate_limited");
    const { retry_after_ms } = frame.details as { readonly retry_after_ms: number };
    assert.ok(retry_after_ms > 0 && retry_after_ms <= 1_000, String(retry_after_ms));
    assert.equal((await loop.closed).code, 4429);
  }
  assert.ok(refused >= 100, `refused after ${refused}`);
  await using other = await gateway.connect({ nodeId: "other" });
  assert.equal((await other.replyTo(other.say("Hello"))).text, "Hello");
});

Deno.test("fault 26: six hundred adapters that reconnect at once all get in, although few may be unregistered", async () => {
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { limits: { connections: 800 } },
  });
  const { hostname, port } = new URL(gateway.url);
  let refusals = 0;
  const reconnect = async (nodeId: string): Promise<IdleSocket> => {
    for (;;) {
      try {
        return await IdleSocket.open({ hostname, port: Number(port), nodeId });
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        refusals++;
      }
    }
  };
  const startedAt = performance.now();
  const sockets = await Promise.all(
    Array.from({ length: 600 }, (_, index) => reconnect(`adapter-${index}`)),
  );
  console.log(
    `600 adapters: ${Math.round(performance.now() - startedAt)} ms, ${refusals} refusals`,
  );
  const { adapters } = await gateway.health() as { adapters: { connected: number } };
  assert.equal(adapters.connected, 600);
  for (const socket of sockets) socket[Symbol.dispose]();
});

Deno.test({
  name: "fault 27: frames of 17 and 63 MiB are refused repeatedly, in bounded memory",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using gateway = await GatewayProcess.start();
    await using quiet = await AdapterClient.connect({ url: gateway.url });
    for (const size of [17, 63, 63, 63]) {
      await using adapter = await AdapterClient.connect({ url: gateway.url });
      adapter.sendText(" ".repeat(size * MiB));
      const error = await adapter.waitFor(({ type }) => type === "error", { timeoutMs: 30_000 });
      assert.equal(error.code, "frame_too_large");
      assert.equal((await adapter.closed).code, 1009);
      assert.equal((await quiet.replyTo(quiet.say("Still here"))).text, "Still here");
    }
    const memory = memoryOf(gateway.pid);
    assert.ok(memory < 900 * MiB, `${Math.round(memory / MiB)} MiB`);
  },
});

/** Unusual frames at the limits of a parser. */
const unusualFrames: readonly (readonly [string, string])[] = [
  ["nesting of 10,000", `{"type":"message","metadata":${"[".repeat(10_000)}${"]".repeat(10_000)}}`],
  ["nesting of 10,000 in the type", `{"type":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`],
  ["__proto__", '{"__proto__":{"type":"message"},"constructor":{"prototype":{"polluted":1}}}'],
  ["a lone surrogate as an id", '{"type":"message","request_id":"\\ud800","user_id":"u"}'],
  [
    "numbers for strings",
    '{"type":"message","request_id":1,"user_id":2,"channel_id":3,"content":4}',
  ],
  ["a number beyond all numbers", '{"type":"ack","seq":1e999}'],
  ["a hundred thousand keys", `{${Array.from({ length: 1e5 }, (_, n) => `"${n}":0`).join(",")}}`],
  ["the same key again", '{"type":"ping","type":7}'],
  ["NUL and control characters", '{"type":"message","request_id":"a\\u0000b","content":"\\u0007"}'],
];

Deno.test("fault 27: unusual and binary frames get an error each, and the socket goes on", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  await using adapter = await gateway.connect();
  for (const [name, text] of unusualFrames) {
    const from = adapter.frames.length;
    adapter.sendText(text);
    const { type, code } = await adapter.waitFor(() => true, { from });
    assert.equal(type, "error", name);
    assert.equal(code, "invalid_message", name);
  }
  const from = adapter.frames.length;
  adapter.sendText(new Uint8Array(MiB));
  assert.equal((await adapter.waitFor(() => true, { from })).code, "invalid_message");
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  assert.equal((await adapter.replyTo(adapter.say("Still here"))).text, "Still here");
});

Deno.test({
  name:
    "fault 27: ten thousand idle sockets take bounded memory, and an adapter among them is served",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const count = Math.min(10_000, openFilesLimit() - 500);
    if (count < 10_000) console.log(`The limit of open files allows ${count} sockets only`);
    await using gateway = await GatewayProcess.start({
      env: { CLARA_MAX_CONNECTIONS: "11000", CLARA_HEARTBEAT_SECONDS: "600" },
    });
    const empty = memoryOf(gateway.pid);
    const { hostname, port } = new URL(gateway.url);
    const sockets: IdleSocket[] = [];
    try {
      while (sockets.length < count) {
        const first = sockets.length;
        sockets.push(
          ...await within(
            Promise.all(
              Array.from({ length: Math.min(250, count - first) }, (_, index) =>
                IdleSocket.open({
                  hostname,
                  port: Number(port),
                  nodeId: `idle-${first + index}`,
                })),
            ),
            { timeoutMs: 30_000, what: `idle sockets from ${first} on` },
          ),
        );
      }
      await using adapter = await AdapterClient.connect({ url: gateway.url });
      for (let round = 0; round < 20; round++) {
        assert.equal((await adapter.replyTo(adapter.say("Hello"))).text, "Hello");
      }
      const { adapters } = await gateway.health() as { adapters: { connected: number } };
      assert.equal(adapters.connected, count + 1);
      const each = (memoryOf(gateway.pid) - empty) / count;
      console.log(`${count} idle sockets: ${Math.round(each / 1024)} KiB each`);
      assert.ok(each < 64 * 1024, `${Math.round(each)} bytes each`);
    } finally {
      for (const socket of sockets) socket[Symbol.dispose]();
    }
  },
});

/** How many files this process may open; the gateway's process has the same limit. */
function openFilesLimit(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  return Number(/Max open files\s+(\d+)/.exec(limits)![1]);
}
