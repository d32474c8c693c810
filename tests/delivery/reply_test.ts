import assert from "node:assert/strict";
import type { ReplyConnection } from "../../src/delivery/port.ts";
import { Reply } from "../../src/delivery/reply.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import type { Outcome } from "../../src/domain/request.ts";

/** A connection that records what it is sent, abbreviated. */
class RecordingConnection implements ReplyConnection {
  readonly sent: string[] = [];
  streaming = true;
  readonly approvals = false;
  readonly dialect = "clara-1";
  writable = true;
  /** The result of `flushed`. */
  flushResult: Promise<boolean> = Promise.resolve(true);
  #waiters: (() => void)[] = [];

  send(_: string, frame: ReplyFrame): void {
    if (frame.type === "chunk") this.sent.push(`${frame.text}${frame.done ? "|" : ""}`);
    else if (frame.type === "end") this.sent.push(`end ${frame.text}`);
    else this.sent.push(frame.type);
  }

  whenWritable(callback: () => void): void {
    this.#waiters.push(callback);
  }

  flushed(): Promise<boolean> {
    return this.flushResult;
  }

  hasEnded(): boolean {
    return false;
  }

  /** The adapter keeps up again. */
  drain(): void {
    this.writable = true;
    this.#waiters.splice(0).forEach((callback) => callback());
  }
}

/** An adapter whose connection can be changed, and a reply to it. */
function stage(connection?: RecordingConnection) {
  const adapter: { connection?: RecordingConnection } = { connection };
  const reply = new Reply({
    nodeId: "n",
    requestId: "r",
    dialect: "clara-1",
    model: "m",
    tier: "mid",
    transport: { connection: () => adapter.connection },
  });
  return { adapter, reply };
}

function outcome(text: string): Outcome {
  const usage = { inputTokens: 0, outputTokens: 0 };
  const common = { tier: "mid", model: "m", files: [], toolCount: 0, usage } as const;
  return { type: "reply", text, finishReason: "stop", ...common };
}

const error: Outcome = { type: "error", code: "internal_error", message: "no", recoverable: true };

Deno.test("a reply is streamed to its end", async () => {
  const connection = new RecordingConnection();
  const { reply } = stage(connection);
  reply.start();
  reply.add("one ");
  reply.add("two");
  assert.equal(await reply.finish(outcome("one two")), true);
  assert.deepEqual(connection.sent, ["start", "one ", "two", "|", "end one two"]);
});

Deno.test("a new connection gets the reply from its beginning", async () => {
  const [older, newer] = [new RecordingConnection(), new RecordingConnection()];
  const { adapter, reply } = stage(older);
  reply.start();
  reply.add("one ");
  adapter.connection = newer;
  reply.sync();
  reply.add("two");
  assert.equal(await reply.finish(outcome("one two")), true);
  assert.deepEqual(older.sent, ["start", "one "]);
  assert.deepEqual(newer.sent, ["start", "one ", "two", "|", "end one two"]);
});

Deno.test("text that arrives while the adapter is away is sent when it reconnects", async () => {
  const { adapter, reply } = stage();
  reply.start();
  reply.add("one ");
  reply.tool({
    type: "tool_started",
    toolName: "t",
    callId: "c",
    step: 1,
    description: "d",
    emoji: "e",
  });
  adapter.connection = new RecordingConnection();
  reply.add("two");
  await reply.finish(outcome("one two"));
  assert.deepEqual(adapter.connection.sent, ["start", "one two", "|", "end one two"]);
});

Deno.test("a reply whose adapter is away stays undelivered", async () => {
  const { reply } = stage();
  reply.start();
  reply.add("one");
  assert.equal(await reply.finish(outcome("one")), false);
});

Deno.test("a connection opened after the end gets the whole reply without chunks", async () => {
  const [older, newer] = [new RecordingConnection(), new RecordingConnection()];
  const { adapter, reply } = stage(older);
  const closed = Promise.withResolvers<boolean>();
  older.flushResult = closed.promise;
  reply.start();
  reply.add("one");
  const finished = reply.finish(outcome("one"));
  adapter.connection = newer;
  closed.resolve(false);
  assert.equal(await finished, true);
  assert.deepEqual(older.sent, ["start", "one", "|", "end one"]);
  assert.deepEqual(newer.sent, ["start", "end one"]);
});

Deno.test("syncing again after the end does not repeat it", async () => {
  const connection = new RecordingConnection();
  const { reply } = stage(connection);
  const flushed = Promise.withResolvers<boolean>();
  connection.flushResult = flushed.promise;
  const finished = reply.finish(error);
  reply.sync();
  reply.sync();
  flushed.resolve(true);
  assert.equal(await finished, true);
  assert.deepEqual(connection.sent.filter((frame) => frame === "error"), ["error"]);
});

Deno.test("chunks are held back and merged while the adapter is slow", async () => {
  const connection = new RecordingConnection();
  const { reply } = stage(connection);
  reply.start();
  reply.add("a");
  connection.writable = false;
  for (const letter of "bcd") reply.add(letter);
  assert.deepEqual(connection.sent, ["start", "a"]);
  connection.drain();
  assert.deepEqual(connection.sent, ["start", "a", "bcd"]);
  await reply.finish(outcome("abcd"));
  assert.deepEqual(connection.sent, ["start", "a", "bcd", "|", "end abcd"]);
});

Deno.test("an old connection that becomes writable again gets nothing more", () => {
  const [older, newer] = [new RecordingConnection(), new RecordingConnection()];
  const { adapter, reply } = stage(older);
  reply.start();
  older.writable = false;
  reply.add("a");
  adapter.connection = newer;
  reply.sync();
  older.drain();
  assert.deepEqual(older.sent, ["start"]);
  assert.deepEqual(newer.sent, ["start", "a"]);
});

Deno.test("a failed reply sends its remaining text, then the error", async () => {
  const connection = new RecordingConnection();
  const { reply } = stage(connection);
  reply.start();
  connection.writable = false;
  reply.add("half");
  await reply.finish(error);
  assert.deepEqual(connection.sent, ["start", "half", "error"]);
});

Deno.test("an adapter without streaming gets no chunk before the end", async () => {
  const connection = new RecordingConnection();
  connection.streaming = false;
  const { reply } = stage(connection);
  reply.start();
  reply.add("one ");
  reply.add("two");
  assert.deepEqual(connection.sent, ["start"]);
  await reply.finish(outcome("one two"));
  assert.equal(connection.sent.at(-1), "end one two");
});
