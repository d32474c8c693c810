import assert from "node:assert/strict";
import { AdapterClient } from "./client.ts";
import { AwaitableList } from "../awaitable_list.ts";

/** A scripted gateway for the client to check. */
class FakeGateway implements AsyncDisposable {
  readonly url: string;
  readonly received = new AwaitableList<Record<string, unknown>>();
  readonly upgrades: Headers[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #sockets: WebSocket[] = [];

  constructor(readonly registered: object = registeredFrame) {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, (request) => {
      // A copy: Deno's own can no longer be read after the upgrade.
      this.upgrades.push(new Headers(request.headers));
      const { socket, response } = Deno.upgradeWebSocket(request);
      this.#sockets.push(socket);
      socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(data);
        this.received.add(frame);
        if (frame.type === "register") this.send(this.registered);
      });
      return response;
    });
    this.url = `ws://127.0.0.1:${this.#server.addr.port}`;
  }

  send(...frames: object[]): void {
    for (const frame of frames) this.#sockets.at(-1)!.send(JSON.stringify(frame));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) {
      if (socket.readyState === WebSocket.OPEN) socket.close();
    }
    await this.#server.shutdown();
  }
}

const registeredFrame = {
  type: "registered",
  node_id: "n",
  session_id: "s",
  resumed: false,
  protocol: 1,
  server_time: "2026-01-01T00:00:00.000Z",
  heartbeat_seconds: 30,
  max_frame_bytes: 1000,
};
const chunk = { type: "response_chunk", request_id: "r", done: false };
const cancelled = { type: "cancelled", request_id: "r" };

Deno.test("a client registers, sends a message and receives the reply", async () => {
  await using gateway = new FakeGateway();
  await using client = await AdapterClient.connect({ url: gateway.url, nodeId: "n" });
  assert.equal(client.say("Hello", { requestId: "r", priority: "high" }), "r");
  await gateway.received.waitFor(({ type, priority }) => type === "message" && priority === "high");
  gateway.send(
    { ...chunk, seq: 4, content: "lost" },
    { type: "response_start", seq: 5, request_id: "r", response_id: "q", model: "m", tier: "mid" },
    { ...chunk, seq: 6, content: "Hi " },
    { ...chunk, seq: 7, content: "there" },
    { ...cancelled, seq: 8 },
  );
  const { text, frames, terminal } = await client.replyTo("r");
  assert.equal(text, "Hi there");
  assert.equal(terminal.type, "cancelled");
  assert.equal(frames.length, 5);
  assert.deepEqual(client.position, { sessionId: "s", lastSeq: 8 });
});

Deno.test("a Python adapter sends and receives its own dialect", async () => {
  const { node_id, session_id, server_time } = registeredFrame;
  await using gateway = new FakeGateway({
    type: "registered",
    node_id,
    session_id,
    server_time,
    more: 1,
  });
  await using client = await AdapterClient.connect({ url: gateway.url, dialect: "clara-py" });
  client.say("Hello", { requestId: "r", channelId: "c" });
  const { channel } = await gateway.received.waitFor(({ id }) => id === "r");
  assert.deepEqual((channel as { readonly id: string }).id, "c");
  gateway.send(
    { type: "response_start", id: "resp-1", request_id: "r", model_tier: "mid" },
    { type: "response_chunk", id: "resp-1", request_id: "r", chunk: "Hi", accumulated: null },
    cancelled,
  );
  assert.equal((await client.replyTo("r")).text, "Hi");
});

const wrongs: readonly { name: string; frames: readonly object[]; says: RegExp }[] = [
  { name: "an unknown type", frames: [{ type: "tool_start" }], says: /no frame "tool_start"/ },
  {
    name: "an unknown field",
    frames: [{ ...cancelled, seq: 1, why: 0 }],
    says: /has more fields .*"why"/,
  },
  { name: "a missing field", frames: [cancelled], says: /seq/ },
  {
    name: "a gap",
    frames: [{ ...chunk, seq: 1, content: "a" }, { ...cancelled, seq: 3 }],
    says: /from 1 to 3/,
  },
  {
    name: "a chunk after the end",
    frames: [{ ...cancelled, seq: 1 }, { ...chunk, seq: 2, content: "a" }],
    says: /came after the end of request "r"/,
  },
];

for (const { name, frames, says } of wrongs) {
  Deno.test(`closing a client throws after ${name}`, async () => {
    await using gateway = new FakeGateway();
    const client = await AdapterClient.connect({ url: gateway.url });
    gateway.send(...frames);
    await client.waitFor(({ type }) => type === frames.at(-1)!["type" as keyof object]);
    await assert.rejects(client.close(), says);
  });
}

Deno.test("a refused registration rejects with the gateway's message", async () => {
  const error = { type: "error", request_id: null, recoverable: false };
  await using gateway = new FakeGateway({ ...error, code: "unauthorized", message: "no" });
  await assert.rejects(AdapterClient.connect({ url: gateway.url }), /unauthorized: no/);
});

Deno.test("headers of the upgrade reach the gateway", async () => {
  await using gateway = new FakeGateway();
  const headers = { Authorization: "Bearer s3cret", Origin: "https://elsewhere.example" };
  await using client = await AdapterClient.connectRaw(gateway.url, { headers });
  assert.deepEqual(client.frames, []);
  assert.equal(gateway.upgrades[0]!.get("authorization"), "Bearer s3cret");
  assert.equal(gateway.upgrades[0]!.get("origin"), "https://elsewhere.example");
});

Deno.test("a dropped connection closes without a close frame and fails pending waits", async () => {
  await using gateway = new FakeGateway();
  const client = await AdapterClient.connect({ url: gateway.url, relay: true });
  const waiting = assert.rejects(client.replyTo("r"), /end of request r.*\n.*\n.*closed with 1006/);
  await client.drop();
  await waiting;
  assert.equal((await client.closed).code, 1006);
  await client.close();
});

Deno.test("a stalled relay holds frames back until it flows again", async () => {
  await using gateway = new FakeGateway();
  await using client = await AdapterClient.connect({ url: gateway.url, relay: true });
  client.relay!.stall("to-client");
  client.say("still heard", { requestId: "r" });
  await gateway.received.waitFor(({ type }) => type === "message");
  gateway.send({ ...cancelled, seq: 1 });
  await assert.rejects(client.replyTo("r", { timeoutMs: 50 }));
  client.relay!.flow();
  await client.replyTo("r");
});
