/** A reply against what adapters must see of it, over links that come, go and fall behind at any time. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ReplyConnection } from "../../src/delivery/port.ts";
import { Reply } from "../../src/delivery/reply.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";
import type { Outcome } from "../../src/domain/request.ts";

/** A link as a strict adapter: it remembers what it would show. */
class StrictLink implements ReplyConnection {
  readonly approvals = false;
  readonly dialect = "clara-1";
  readonly streaming: boolean;
  writable = true;
  /** The text that is shown; undefined before the start. */
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
      assert.equal(this.shown, undefined, "a second start on one link");
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

  /** Its connection is gone: whoever waits to write need not wait any longer. */
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

Deno.test("whatever happens to its links, each shows a beginning of the reply, then all of it, and one end", async () => {
  const ends = fc.constantFrom("reply" as const, "error" as const, "cancelled" as const);
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 40, size: "max" }),
    fc.array(step, { maxLength: 10 }),
    ends,
    async (before, after, end) => {
      const stage: { link?: StrictLink; text: string; ended: boolean } = { text: "", ended: false };
      const links: StrictLink[] = [];
      const reply = new Reply({
        nodeId: "n",
        requestId: "r",
        dialect: "clara-1",
        model: "m",
        tier: "mid",
        outlet: { connection: () => stage.link },
      });
      const take = (next: Step) => {
        if (next.type === "add" && !stage.ended) {
          stage.text += next.text;
          reply.add(next.text);
        } else if (next.type === "connect") {
          const old = stage.link;
          stage.link = new StrictLink(next);
          links.push(stage.link);
          old?.close();
          reply.sync();
        } else if (next.type === "leave") {
          const old = stage.link;
          stage.link = undefined;
          old?.close();
        } else if (next.type === "block" && stage.link) stage.link.writable = false;
        else if (next.type === "drain") stage.link?.drain();
        else if (next.type === "tool" && !stage.ended) reply.tool(tool);
        else if (next.type === "sync") reply.sync();
      };
      const look = () => {
        for (const { shown = "" } of links) assert.ok(stage.text.startsWith(shown));
        const { link } = stage;
        if (link?.streaming && link.writable && !stage.ended) assert.equal(link.shown, stage.text);
      };
      reply.start();
      for (const next of before) {
        take(next);
        look();
      }
      stage.ended = true;
      const wasThere = stage.link;
      assert.equal(await reply.finish(outcomeOf(end, stage.text)), wasThere !== undefined);
      for (const next of after) {
        take(next);
        look();
      }
      stage.link?.drain();
      reply.sync();
      for (const link of links) assert.ok(link.terminals.length <= 1);
      for (const link of [wasThere, stage.link]) {
        if (!link) continue;
        assert.equal(link.terminals.length, 1);
        // Whoever was shown chunks was shown all of them; a link after the end gets the whole in one.
        if (end === "reply" && link.chunks > 0) assert.equal(link.shown, stage.text);
      }
    },
  );
  await fc.assert(property, { seed: 7, numRuns: 3_000 });
});
