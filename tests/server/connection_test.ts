import assert from "node:assert/strict";
import { Connection } from "../../src/server/connection.ts";
import { within } from "../support/deadline.ts";
import { TcpRelay } from "../support/tcp_relay.ts";

/** Both ends of a real WebSocket that runs through a relay. */
class SocketPair implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #accepted = Promise.withResolvers<WebSocket>();
  readonly relay: TcpRelay;
  readonly client: WebSocket;
  readonly clientClosed: Promise<number>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.addEventListener("open", () => this.#accepted.resolve(socket));
      return response;
    });
    const { hostname, port } = this.#server.addr;
    this.relay = new TcpRelay({ hostname, port });
    this.client = new WebSocket(`ws://127.0.0.1:${this.relay.port}`);
    const closed = Promise.withResolvers<number>();
    this.clientClosed = closed.promise;
    this.client.addEventListener("close", ({ code }) => closed.resolve(code));
  }

  /** The gateway's end. */
  async server(): Promise<WebSocket> {
    return await within(this.#accepted.promise, { what: "the socket to open" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.relay.flow();
    this.client.close();
    await within(this.clientClosed, { what: "the socket to close" });
    await this.relay[Symbol.asyncDispose]();
    await this.#server.shutdown();
  }
}

Deno.test("flushed resolves with true when the peer reads what was sent", async () => {
  await using pair = new SocketPair();
  const connection = new Connection(await pair.server(), { sendBufferBytes: 1024 * 1024 });
  const received: string[] = [];
  pair.client.addEventListener("message", ({ data }) => received.push(data));
  connection.send({ n: 1 });
  connection.send({ n: 2 });
  assert.equal(await connection.flushed(), true);
  connection.close(4000, "done");
  assert.equal(connection.open, false);
  assert.equal(await pair.clientClosed, 4000);
  assert.deepEqual(received, ['{"n":1}', '{"n":2}']);
});

Deno.test("flushed resolves with false when the socket closes before the peer has read everything", async () => {
  await using pair = new SocketPair();
  const connection = new Connection(await pair.server(), { sendBufferBytes: 64 * 1024 * 1024 });
  const reasons: string[] = [];
  connection.onClose((reason) => reasons.push(reason));
  pair.relay.stall("to-client");
  const megabyte = "x".repeat(1024 * 1024);
  // More than any kernel buffers for a reader that does not read.
  for (let index = 0; index < 32; index++) connection.send({ megabyte });
  assert.equal(connection.writable, false);
  const flushed = connection.flushed();
  let called = 0;
  connection.whenWritable(() => called++);
  connection.close(4000, "test");
  assert.equal(await flushed, false);
  assert.equal(called, 1);
  assert.deepEqual(reasons, ["test"]);
  assert.equal(await connection.flushed(), false);
});

Deno.test("a socket with too many unsent bytes is closed", async () => {
  await using pair = new SocketPair();
  const connection = new Connection(await pair.server(), { sendBufferBytes: 1024 * 1024 });
  pair.relay.stall("to-client");
  const megabyte = "x".repeat(1024 * 1024);
  let sent = 0;
  while (connection.open && sent < 100) {
    connection.send({ megabyte });
    sent++;
  }
  assert.equal(connection.open, false);
  assert.ok(sent < 100);
});

Deno.test("a frame sent while the socket is closing does not count as sent", async () => {
  await using pair = new SocketPair();
  const socket = await pair.server();
  const connection = new Connection(socket, { sendBufferBytes: 1024 * 1024 });
  // As if the peer had closed and the close event were still to come.
  socket.close();
  assert.notEqual(socket.readyState, WebSocket.OPEN);
  connection.send({ type: "response_end" });
  assert.equal(await connection.flushed(), false);
});

Deno.test("whenWritable calls back at once if the connection is already closed", async () => {
  await using pair = new SocketPair();
  const connection = new Connection(await pair.server(), { sendBufferBytes: 1_000 });
  connection.close(4408, "test");
  let called = 0;
  connection.whenWritable(() => called++);
  assert.equal(called, 1);
});
