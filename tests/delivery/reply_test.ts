/** One reply over links that come, go and fall behind. */

import assert from "node:assert/strict";
import type { ReplyConnection } from "../../src/delivery/port.ts";
import { Reply } from "../../src/delivery/reply.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import type { Outcome } from "../../src/domain/request.ts";

/** A link that notes what it is sent, in short. */
class NotingLink implements ReplyConnection {
  readonly sent: string[] = [];
  streaming = true;
  readonly approvals = false;
  readonly dialect = "clara-1";
  writable = true;
  /** Resolves `flushed`; by default all has left at once. */
  left: Promise<boolean> = Promise.resolve(true);
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
    return this.left;
  }

  hasEnded(): boolean {
    return false;
  }

  /** The adapter takes in again what it is sent. */
  drain(): void {
    this.writable = true;
    this.#waiters.splice(0).forEach((callback) => callback());
  }
}

/** An adapter whose link can be changed, and a reply to it. */
function stage(link?: NotingLink) {
  const adapter: { link?: NotingLink } = { link };
  const reply = new Reply({
    nodeId: "n",
    requestId: "r",
    dialect: "clara-1",
    model: "m",
    tier: "mid",
    outlet: { connection: () => adapter.link },
  });
  return { adapter, reply };
}

function outcome(text: string): Outcome {
  const usage = { inputTokens: 0, outputTokens: 0 };
  const common = { tier: "mid", model: "m", files: [], toolCount: 0, usage } as const;
  return { type: "reply", text, finishReason: "stop", ...common };
}

const error: Outcome = { type: "error", code: "internal_error", message: "no", recoverable: true };

Deno.test("a reply streams over one link to its end", async () => {
  const link = new NotingLink();
  const { reply } = stage(link);
  reply.start();
  reply.add("one ");
  reply.add("two");
  assert.equal(await reply.finish(outcome("one two")), true);
  assert.deepEqual(link.sent, ["start", "one ", "two", "|", "end one two"]);
});

Deno.test("a new link gets the reply from its beginning", async () => {
  const [older, newer] = [new NotingLink(), new NotingLink()];
  const { adapter, reply } = stage(older);
  reply.start();
  reply.add("one ");
  adapter.link = newer;
  reply.sync();
  reply.add("two");
  assert.equal(await reply.finish(outcome("one two")), true);
  assert.deepEqual(older.sent, ["start", "one "]);
  assert.deepEqual(newer.sent, ["start", "one ", "two", "|", "end one two"]);
});

Deno.test("what was said while nobody was there comes with the next link", async () => {
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
  adapter.link = new NotingLink();
  reply.add("two");
  await reply.finish(outcome("one two"));
  assert.deepEqual(adapter.link.sent, ["start", "one two", "|", "end one two"]);
});

Deno.test("a reply whose adapter is away ends undelivered", async () => {
  const { reply } = stage();
  reply.start();
  reply.add("one");
  assert.equal(await reply.finish(outcome("one")), false);
});

Deno.test("a link that comes after the end gets the whole, without chunks", async () => {
  const [older, newer] = [new NotingLink(), new NotingLink()];
  const { adapter, reply } = stage(older);
  const closed = Promise.withResolvers<boolean>();
  older.left = closed.promise;
  reply.start();
  reply.add("one");
  const finished = reply.finish(outcome("one"));
  adapter.link = newer;
  closed.resolve(false);
  assert.equal(await finished, true);
  assert.deepEqual(older.sent, ["start", "one", "|", "end one"]);
  assert.deepEqual(newer.sent, ["start", "end one"]);
});

Deno.test("a link that is synced twice after the end gets it once", async () => {
  const link = new NotingLink();
  const { reply } = stage(link);
  const left = Promise.withResolvers<boolean>();
  link.left = left.promise;
  const finished = reply.finish(error);
  reply.sync();
  reply.sync();
  left.resolve(true);
  assert.equal(await finished, true);
  assert.deepEqual(link.sent.filter((frame) => frame === "error"), ["error"]);
});

Deno.test("chunks wait for an adapter that has fallen behind, and come as one", async () => {
  const link = new NotingLink();
  const { reply } = stage(link);
  reply.start();
  reply.add("a");
  link.writable = false;
  for (const letter of "bcd") reply.add(letter);
  assert.deepEqual(link.sent, ["start", "a"]);
  link.drain();
  assert.deepEqual(link.sent, ["start", "a", "bcd"]);
  await reply.finish(outcome("abcd"));
  assert.deepEqual(link.sent, ["start", "a", "bcd", "|", "end abcd"]);
});

Deno.test("an old link that becomes writable again gets nothing more", () => {
  const [older, newer] = [new NotingLink(), new NotingLink()];
  const { adapter, reply } = stage(older);
  reply.start();
  older.writable = false;
  reply.add("a");
  adapter.link = newer;
  reply.sync();
  older.drain();
  assert.deepEqual(older.sent, ["start"]);
  assert.deepEqual(newer.sent, ["start", "a"]);
});

Deno.test("a failed reply shows its text, then the error", async () => {
  const link = new NotingLink();
  const { reply } = stage(link);
  reply.start();
  link.writable = false;
  reply.add("half");
  await reply.finish(error);
  assert.deepEqual(link.sent, ["start", "half", "error"]);
});

Deno.test("an adapter that does not want chunks gets none before the end", async () => {
  const link = new NotingLink();
  link.streaming = false;
  const { reply } = stage(link);
  reply.start();
  reply.add("one ");
  reply.add("two");
  assert.deepEqual(link.sent, ["start"]);
  await reply.finish(outcome("one two"));
  assert.equal(link.sent.at(-1), "end one two");
});
