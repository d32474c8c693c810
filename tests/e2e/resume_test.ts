/** Adapters that lose their connection and take their session up again: no gap, nothing twice. */

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter_client.ts";
import { Gate } from "../support/gate.ts";
import type { ReceivedFrame } from "../support/received_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";

const nodeId = "adapter-1";
const capabilities = ["streaming", "resume"];

/** The frames with numbers, as an adapter over several connections has seen them. */
class Reader {
  readonly frames: ReceivedFrame[] = [];
  readonly #gateway: TestGateway;
  #sessionId?: string;

  constructor(gateway: TestGateway) {
    this.#gateway = gateway;
  }

  get lastSeq(): number {
    return Number(this.frames.at(-1)?.seq ?? 0);
  }

  /** Connects, resuming where there is something to resume. */
  async connect(options: { readonly lastSeq?: number } = {}): Promise<AdapterClient> {
    const { lastSeq = this.lastSeq } = options;
    const resume = this.#sessionId ? { sessionId: this.#sessionId, lastSeq } : undefined;
    const client = await this.#gateway.connect({ nodeId, capabilities, relay: true, resume });
    this.#sessionId = client.registered.session_id;
    return client;
  }

  /** Takes what a connection has brought. */
  take(client: AdapterClient): void {
    this.frames.push(...client.frames.filter(({ seq }) => seq !== undefined));
  }

  assertWhole(): void {
    assert.deepEqual(
      this.frames.map(({ seq }) => seq),
      this.frames.map((_, index) => index + 1),
    );
  }

  get text(): string {
    return this.frames.filter(({ type }) => type === "response_chunk")
      .map(({ content }) => content).join("");
  }
}

Deno.test("an adapter that loses its connection fifty times in one reply reads it without gap or repeat", async () => {
  await using gateway = await TestGateway.start();
  const reader = new Reader(gateway);
  const words = Array.from({ length: 260 }, (_, index) => `${index} `);
  gateway.llm.reply({ text: words, chunkDelayMs: 5 });
  let client = await reader.connect();
  const id = client.say("Count");
  for (let cut = 0; cut < 50; cut++) {
    await client.waitFor(({ type }) => type === "response_chunk" || type === "response_end");
    await client.drop();
    await client.close();
    reader.take(client);
    client = await reader.connect();
    assert.equal(client.registered.resumed, true);
    if (cut % 3 === 0) client.send({ type: "ack", seq: reader.lastSeq });
  }
  await client.replyTo(id);
  reader.take(client);
  reader.assertWhole();
  assert.equal(reader.text, words.join(""));
  assert.equal(reader.frames.filter(({ type }) => type === "response_start").length, 1);
  client.send({ type: "ack", seq: reader.lastSeq });
  await gateway.allDelivered();
  await client.close();
});

Deno.test("what was lost on the wire after the gateway had sent it comes again", async () => {
  await using gateway = await TestGateway.start();
  const reader = new Reader(gateway);
  gateway.llm.reply({ text: ["Swallowed ", "by the wire"] });
  const before = await reader.connect();
  before.relay!.stall();
  const id = before.say("Hello");
  before.relay!.flow();
  await gateway.waitFor("message:sent", { requestId: id });
  await before.replyTo(id);
  await before.drop();
  await before.close();
  // It says that it has seen nothing of it.
  const back = await reader.connect({ lastSeq: 0 });
  const { text, terminal } = await back.replyTo(id);
  assert.equal(text, "Swallowed by the wire");
  assert.equal(terminal.content, text);
  assert.equal(back.registered.resumed, true);
  await back.close();
});

Deno.test("a reply that ends while the connection is lost arrives on the next one, in order", async () => {
  await using gateway = await TestGateway.start();
  const reader = new Reader(gateway);
  const gate = new Gate();
  gateway.llm.reply({
    text: ["one ", "two ", "three"],
    gateAfter: { chunks: 1, until: gate.opened },
  });
  const before = await reader.connect();
  const id = before.say("Count");
  await before.waitFor(({ content }) => content === "one ");
  await before.drop();
  await before.close();
  reader.take(before);
  await gateway.waitFor("adapter:disconnected");
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });
  const back = await reader.connect();
  await back.replyTo(id);
  reader.take(back);
  reader.assertWhole();
  assert.equal(reader.text, "one two three");
  await back.close();
});

Deno.test("what was acknowledged is not sent again, what was not is, in a new session", async () => {
  await using gateway = await TestGateway.start();
  const reader = new Reader(gateway);
  const first = await reader.connect();
  const acked = first.say("one");
  const { terminal } = await first.replyTo(acked);
  first.send({ type: "ack", seq: terminal.seq });
  await gateway.allDelivered();
  const lost = first.say("two");
  await first.replyTo(lost);
  await first.drop();
  await first.close();
  await gateway.waitFor("adapter:disconnected");
  await using back = await gateway.connect({ nodeId, capabilities });
  assert.equal((await back.replyTo(lost)).terminal.content, "two");
  await back.ping();
  assert.deepEqual(back.framesOf(acked), []);
});

Deno.test("a session that is not kept is refused, and a new one follows with what is missing", async () => {
  await using gateway = await TestGateway.start();
  const first = await gateway.connect({ nodeId, capabilities, relay: true });
  const sessionId = first.registered.session_id!;
  const id = first.say("Hello");
  const { terminal } = await first.replyTo(id);
  first.send({ type: "ack", seq: Number(terminal.seq) - 1 });
  await first.ping();
  await first.drop();
  await first.close();
  const wrong = [
    { sessionId: "another", lastSeq: 1 },
    { sessionId, lastSeq: 1 },
    { sessionId, lastSeq: 99 },
  ];
  for (const resume of wrong) {
    await using back = await gateway.connectRaw();
    back.register({ nodeId, capabilities, resume });
    const error = await back.waitFor(({ type }) => type === "error");
    assert.equal(error.code, "invalid_session");
    const registered = await back.waitFor(({ type }) => type === "registered");
    assert.equal(registered.resumed, false);
    assert.notEqual(registered.session_id, sessionId);
    assert.equal((await back.replyTo(id)).terminal.content, "Hello");
  }
});

Deno.test("after a restart of the gateway the session is refused and whole replies follow", async () => {
  await using gateway = await TestGateway.start();
  const first = await gateway.connect({ nodeId, capabilities });
  const sessionId = first.registered.session_id!;
  const seen = first.say("one");
  const { terminal } = await first.replyTo(seen);
  first.send({ type: "ack", seq: terminal.seq });
  const unseen = first.say("two");
  await first.replyTo(unseen);
  await gateway.restart();
  await first.close();
  await using back = await gateway.connectRaw();
  back.register({ nodeId, capabilities, resume: { sessionId, lastSeq: Number(terminal.seq) } });
  await back.waitFor(({ code }) => code === "invalid_session");
  assert.equal((await back.replyTo(unseen)).terminal.content, "two");
  await back.ping();
  assert.deepEqual(back.framesOf(seen), []);
});

Deno.test("a newer connection takes the session over from one that still stands", async () => {
  await using gateway = await TestGateway.start();
  const reader = new Reader(gateway);
  const gate = new Gate();
  gateway.llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
  const old = await reader.connect();
  const id = old.say("Count");
  await old.waitFor(({ content }) => content === "one ");
  reader.take(old);
  const next = await reader.connect();
  assert.equal((await old.closed).code, 4409);
  await old.close();
  gate.open();
  await next.replyTo(id);
  reader.take(next);
  reader.assertWhole();
  assert.equal(reader.text, "one two");
  await next.close();
});
