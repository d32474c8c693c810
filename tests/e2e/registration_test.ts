/** Access: registration, the secret, origins and the number of connections. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { TestGateway } from "../support/test_gateway.ts";

const secret = "open sesame".replace(" ", "-");

Deno.test("before register no other frame is accepted", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connectRaw();
  adapter.say("Hello", { requestId: "r" });
  for (const type of ["ping", "status"]) adapter.send({ type });
  adapter.send({ type: "cancel", request_id: "r" });
  adapter.send({ type: "ack", seq: 1 });
  adapter.register();
  await adapter.waitFor(({ type }) => type === "registered");
  const errors = adapter.frames.slice(0, -1);
  assert.deepEqual(errors.map(({ code }) => code), Array(5).fill("not_registered"));
  assert.equal(errors[0]!.request_id, "r");
  assert.match(errors[0]!.message!, /"message" before "register"/);
  assert.equal(gateway.llm.requests.length, 0);
  assert.equal((await adapter.replyTo(adapter.say("Now"))).text, "Now");
});

Deno.test("a socket that does not register in time is closed", async () => {
  await using gateway = await TestGateway.start({ config: { registerTimeoutMs: 100 } });
  await using adapter = await gateway.connectRaw();
  assert.equal((await adapter.closed).code, 4407);
  assert.equal(adapter.frames[0]!.code, "not_registered");
  assert.match(adapter.frames[0]!.message!, /within 0\.1 seconds/);
});

Deno.test("the right secret is accepted in the header and in the frame", async () => {
  await using gateway = await TestGateway.start({ config: { secret } });
  await using byHeader = await gateway.connect({ headers: { Authorization: `Bearer ${secret}` } });
  await using byField = await gateway.connect({ secret });
  await using byBoth = await gateway.connect({
    secret,
    headers: { Authorization: "Bearer something-else" },
  });
  for (const adapter of [byHeader, byField, byBoth]) await adapter.ping();
});

Deno.test("a wrong secret is refused, and repeated failures are rate-limited", async () => {
  await using gateway = await TestGateway.start({ config: { secret } });
  const tries = [
    {},
    { secret: "wrong" },
    { secret: "" },
    { secret: `${secret}x` },
    { secret: secret.slice(1) },
    { headers: { Authorization: "Bearer wrong" } },
    { headers: { Authorization: `Basic ${secret}` } },
    ...Array.from({ length: 8 }, (_, index) => ({ secret: `guess ${index}` })),
  ];
  const codes: string[] = [];
  for (const { headers, ...options } of tries) {
    await using adapter = await gateway.connectRaw({ headers });
    adapter.register(options);
    const { code } = await adapter.closed;
    const error = adapter.frames[0]!;
    assert.ok(!error.message!.includes(secret));
    assert.equal(code, error.code === "unauthorized" ? 4401 : 4429);
    codes.push(error.code!);
  }
  const expected = tries.map((_, index) => index < 10 ? "unauthorized" : "rate_limited");
  assert.deepEqual(codes, expected);
  // A client with the right secret still gets in from the same address.
  await using adapter = await gateway.connect({ secret });
  await adapter.ping();
});

Deno.test("a page of another site may not connect; the gateway's own and allowed ones may", async () => {
  await using gateway = await TestGateway.start({
    config: { allowedOrigins: ["https://chat.example"] },
  });
  const host = gateway.gateway.address;
  const upgrade = { Connection: "Upgrade", Upgrade: "websocket" };
  for (const origin of ["https://evil.example", "null", "https://chat.example.evil.example"]) {
    const headers = { Origin: origin };
    await assert.rejects(AdapterClient.connectRaw(gateway.url, { headers }), /refused/);
    await using connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(gateway.url).port),
    });
    const lines = Object.entries({
      Host: host,
      ...upgrade,
      ...headers,
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": btoa("0123456789abcdef"),
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    await connection.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${lines.join("")}\r\n`));
    const buffer = new Uint8Array(4096);
    const answer = new TextDecoder().decode(
      buffer.subarray(0, await connection.read(buffer) ?? 0),
    );
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.match(answer, /forbidden_origin/);
  }
  for (const origin of ["https://chat.example", `http://${host}`]) {
    await using adapter = await gateway.connect({ headers: { Origin: origin, Host: host } });
    await adapter.ping();
  }
});

Deno.test("a broken upgrade is a client error and does not count as a connection", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { connections: 4 } } });
  const { hostname, port, host } = new URL(gateway.httpUrl);
  for (const missing of ["key", "connection", "key"]) {
    const lines = [
      `Host: ${host}`,
      "Upgrade: websocket",
      ...missing === "connection" ? ["Connection: close"] : ["Connection: Upgrade"],
      "Sec-WebSocket-Version: 13",
      ...missing === "key" ? [] : [`Sec-WebSocket-Key: ${btoa("0123456789abcdef")}`],
    ];
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const request = `GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(4096);
    const length = await connection.read(buffer) ?? 0;
    const answer = new TextDecoder().decode(buffer.subarray(0, length));
    assert.match(answer, /^HTTP\/1\.1 400 /, `without ${missing}`);
    assert.match(answer, /Cannot connect: /);
  }
  await using adapter = await gateway.connect();
  await adapter.ping();
});

Deno.test("no more sockets than allowed are open at once", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { connections: 2 } } });
  await using first = await gateway.connect();
  const second = await gateway.connectRaw();
  await assert.rejects(gateway.connect(), /refused/);
  await first.ping();
  await second.close();
  // The gateway may not have noticed the close yet, so retry until it has.
  const until = async (): Promise<AdapterClient> =>
    await gateway.connect().catch(() => first.ping().then(until));
  await using third = await until();
  await third.ping();
});

Deno.test("a WebSocket on any other path is refused", async () => {
  await using gateway = await TestGateway.start();
  await assert.rejects(AdapterClient.connectRaw(`${gateway.url}/elsewhere`), /refused/);
  await using adapter = await AdapterClient.connect({ url: `${gateway.url}/ws` });
  await adapter.ping();
});
