/** A reply over connections that open, close and fall behind in random order. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ReplyConnection } from "../../src/delivery/port.ts";
import { Reply } from "../../src/delivery/reply.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import type { Outcome } from "../../src/domain/request.ts";

/** A connection to a strict adapter, which records what it would show. */
class StrictConnection implements ReplyConnection {
  readonly approvals = false;
  readonly dialect = "clara-1";
  readonly streaming: boolean;
  writable = true;
  /** The text shown to the user; undefined before the start. */
  shown?: string;
  terminals: ReplyFrame[] = [];
  chunks = 0;
  #waiters: (() => void)[] = [];

  constructor({ streaming }: { readonly streaming: boolean }) {
    this.streaming = streaming;
  }

  send(_: string, frame: ReplyFrame): void {
    assert.equal(this.terminals.length, 0, `${frame.type} after the end`);
    if (frame.type === "start") {
      assert.equal(this.shown, undefined, "a second start on one connection");
      this.shown = "";
    } else if (frame.type === "chunk") {
      assert.notEqual(this.shown, undefined, "a chunk before the start");
      this.chunks++;
      this.shown += frame.text;
    } else if (frame.type === "end" || frame.type === "cancelled" || frame.type === "error") {
      this.terminals.push(frame);
    }
  }

  whenWritable(callback: () => void): void {
    this.#waiters.push(callback);
  }

  flushed(): Promise<boolean> {
    return Promise.resolve(true);
  }

  hasEnded(): boolean {
    return false;
  }

  drain(): void {
    this.writable = true;
    this.#callBack();
  }

  /** Closes the connection: callers that wait for it to be writable are called back. */
  close(): void {
    this.writable = false;
    this.#callBack();
  }

  #callBack(): void {
    this.#waiters.splice(0).forEach((callback) => callback());
  }
}

type Step =
  | { readonly type: "add"; readonly text: string }
  | { readonly type: "connect"; readonly streaming: boolean }
  | { readonly type: "leave" | "block" | "drain" | "tool" | "sync" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("add" as const), text: fc.string() }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("connect" as const), streaming: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "leave" as const,
        "block" as const,
        "drain" as const,
        "tool" as const,
        "sync" as const,
      ),
    }),
  },
);

const tool = {
  type: "tool_started",
  toolName: "t",
  callId: "c",
  step: 1,
  description: "",
  emoji: "",
} as const;

function outcomeOf(type: "reply" | "error" | "cancelled", text: string): Outcome {
  if (type === "cancelled") return { type };
  if (type === "error") return { type, code: "internal_error", message: "no", recoverable: true };
  const usage = { inputTokens: 0, outputTokens: 0 };
  return {
    type,
    text,
    tier: "mid",
    model: "m",
    files: [],
    toolCount: 0,
    usage,
    finishReason: "stop",
  };
}

Deno.test("whatever happens to connections, each shows a prefix of the reply, then all of it, and one end", async () => {
  const ends = fc.constantFrom("reply" as const, "error" as const, "cancelled" as const);
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 40, size: "max" }),
    fc.array(step, { maxLength: 10 }),
    ends,
    async (before, after, end) => {
      const stage: { connection?: StrictConnection; text: string; ended: boolean } = {
        text: "",
        ended: false,
      };
      const connections: StrictConnection[] = [];
      const reply = new Reply({
        nodeId: "n",
        requestId: "r",
        dialect: "clara-1",
        model: "m",
        tier: "mid",
        transport: { connection: () => stage.connection },
      });
      const take = (next: Step) => {
        if (next.type === "add" && !stage.ended) {
          stage.text += next.text;
          reply.add(next.text);
        } else if (next.type === "connect") {
          const old = stage.connection;
          stage.connection = new StrictConnection(next);
          connections.push(stage.connection);
          old?.close();
          reply.sync();
        } else if (next.type === "leave") {
          const old = stage.connection;
          stage.connection = undefined;
          old?.close();
        } else if (next.type === "block" && stage.connection) stage.connection.writable = false;
        else if (next.type === "drain") stage.connection?.drain();
        else if (next.type === "tool" && !stage.ended) reply.tool(tool);
        else if (next.type === "sync") reply.sync();
      };
      const check = () => {
        for (const { shown = "" } of connections) assert.ok(stage.text.startsWith(shown));
        const { connection } = stage;
        if (connection?.streaming && connection.writable && !stage.ended) {
          assert.equal(connection.shown, stage.text);
        }
      };
      reply.start();
      for (const next of before) {
        take(next);
        check();
      }
      stage.ended = true;
      const connectedAtEnd = stage.connection;
      assert.equal(await reply.finish(outcomeOf(end, stage.text)), connectedAtEnd !== undefined);
      for (const next of after) {
        take(next);
        check();
      }
      stage.connection?.drain();
      reply.sync();
      for (const connection of connections) assert.ok(connection.terminals.length <= 1);
      for (const connection of [connectedAtEnd, stage.connection]) {
        if (!connection) continue;
        assert.equal(connection.terminals.length, 1);
        // A connection that got chunks got all of them; one opened after the end gets none.
        if (end === "reply" && connection.chunks > 0) assert.equal(connection.shown, stage.text);
      }
    },
  );
  await fc.assert(property, { seed: 7, numRuns: 3_000 });
});
