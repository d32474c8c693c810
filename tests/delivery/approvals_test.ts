import assert from "node:assert/strict";
import { Approvals } from "../../src/delivery/approvals.ts";
import type { ReplyConnection } from "../../src/delivery/port.ts";
import type { ReplyFrame } from "../../src/domain/reply.ts";

const context = {
  nodeId: "n",
  platform: "p",
  requestId: "r",
  userId: "u",
  channelId: "c",
  channelKey: "p:c",
  sessionId: "s",
  message: { user: { id: "u" }, channel: { id: "c" } },
};
const question = {
  call: { id: "1", name: "delete_file", arguments: '{"name":"a"}' },
  context,
  description: "Deleting a",
};

/** A connection that records what it is sent. */
class RecordingConnection implements ReplyConnection {
  readonly sent: ReplyFrame[] = [];
  readonly streaming = true;
  readonly writable = true;
  readonly dialect = "clara-1";
  readonly approvals: boolean;

  constructor(approvals: boolean) {
    this.approvals = approvals;
  }

  send(_: string, frame: ReplyFrame): void {
    this.sent.push(frame);
  }

  whenWritable(callback: () => void): void {
    callback();
  }

  flushed(): Promise<boolean> {
    return Promise.resolve(true);
  }

  hasEnded(): boolean {
    return false;
  }
}

function setUp(timeoutMs = 60_000) {
  const connections = new Map<string, RecordingConnection>([["n", new RecordingConnection(true)]]);
  let count = 0;
  const approvals = new Approvals({
    transport: { connection: (nodeId) => connections.get(nodeId) },
    timeoutMs,
    now: () => 1_000,
    newId: () => `a${++count}`,
  });
  return { approvals, connections, abort: new AbortController() };
}

Deno.test("the request says what the tool would do, for whom and until when", async () => {
  const { approvals, connections, abort } = setUp();
  const asked = approvals.ask(question, abort.signal);
  assert.deepEqual(connections.get("n")!.sent, [{
    type: "approval_asked",
    requestId: "r",
    responseId: "",
    approvalId: "a1",
    toolName: "delete_file",
    description: "Deleting a",
    arguments: '{"name":"a"}',
    expiresAt: 61_000,
  }]);
  assert.equal(approvals.answer("stranger", "a1", true), false);
  assert.equal(approvals.answer("n", "a2", true), false);
  assert.equal(approvals.answer("n", "a1", true), true);
  assert.deepEqual(await asked, { approved: true });
  assert.equal(approvals.answer("n", "a1", false), false);
});

Deno.test("only the first answer counts", async () => {
  const { approvals, abort } = setUp();
  const asked = approvals.ask(question, abort.signal);
  approvals.answer("n", "a1", false);
  approvals.answer("n", "a1", true);
  assert.equal((await asked).approved, false);
});

Deno.test("an adapter that reconnects is asked again what it has not answered, if it supports approvals", async () => {
  const { approvals, connections, abort } = setUp();
  const asks = [1, 2].map(() => approvals.ask(question, abort.signal));
  approvals.answer("n", "a1", true);
  await asks[0];
  const unable = new RecordingConnection(false);
  connections.set("n", unable);
  approvals.attach("n");
  assert.equal(unable.sent.length, 0);
  const able = new RecordingConnection(true);
  connections.set("n", able);
  approvals.attach("stranger");
  assert.equal(able.sent.length, 0);
  approvals.attach("n");
  const ids = able.sent.map((frame) => frame.type === "approval_asked" && frame.approvalId);
  assert.deepEqual(ids, ["a2"]);
  approvals.answer("n", "a2", true);
  assert.deepEqual(await asks[1], { approved: true });
});

Deno.test("an abort rejects with its reason, before and while waiting", async () => {
  const { approvals, abort } = setUp();
  const asked = approvals.ask(question, abort.signal);
  abort.abort(new Error("cancelled"));
  await assert.rejects(asked, /cancelled/);
  await assert.rejects(approvals.ask(question, abort.signal), /cancelled/);
  assert.equal(approvals.answer("n", "a1", true), false);
});

Deno.test("a missing answer denies the call, and so does an absent adapter", async () => {
  const { approvals, connections, abort } = setUp(5);
  assert.deepEqual(await approvals.ask(question, abort.signal), {
    approved: false,
    why: "nobody answered in time.",
  });
  connections.clear();
  assert.equal((await approvals.ask(question, abort.signal)).approved, false);
});
