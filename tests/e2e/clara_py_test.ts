/** The dialect of the Python system's adapters, frame by frame: they connect unchanged. */

import assert from "node:assert/strict";
import { Gate } from "../support/gate.ts";
import { messageFrame } from "../support/adapter/message_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";
import type { ReceivedFrame } from "../support/adapter/received_frame.ts";

const dialect = "clara-py";

/** Frames without their arrival time. */
function bare(frames: readonly ReceivedFrame[]): readonly object[] {
  return frames.map(({ at: _, ...frame }) => frame);
}

Deno.test("a Python adapter's message is answered with its own frames, field by field", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ dialect, platform: "discord" });
  gateway.llm.reply({ text: ["Hello ", "Ada"] });
  const id = adapter.say("Hi");
  const { frames } = await adapter.replyTo(id);
  const responseId = frames[0]!.id;
  assert.match(String(responseId), /^resp-/);
  const common = { id: responseId, request_id: id };
  const chunk = { type: "response_chunk", ...common, accumulated: null };
  assert.deepEqual(bare(frames), [
    { type: "response_start", ...common, model_tier: "mid" },
    { ...chunk, chunk: "Hello ", accumulated: "Hello " },
    { ...chunk, chunk: "Ada" },
    {
      type: "response_end",
      ...common,
      full_text: "Hello Ada",
      files: [],
      file_data: [],
      tool_count: 0,
      tokens_used: 18,
    },
  ]);
});

Deno.test("a Python adapter sees tools start and end, and receives files", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ dialect });
  gateway.llm.reply({
    toolCalls: [{ name: "create_file", arguments: { filename: "a.md", content: "# A" } }],
  }, { text: "Done" });
  const id = adapter.say("Make a file", { tier_override: "high" });
  const { frames, terminal } = await adapter.replyTo(id);
  assert.equal(frames[0]!.model_tier, "high");
  const [started, finished] = frames.slice(1, 3);
  const common = { id: frames[0]!.id, request_id: id, tool_name: "create_file" };
  const { duration_ms, ...result } = bare([finished!])[0] as { readonly duration_ms: number };
  assert.deepEqual(bare([started!]), [
    { type: "tool_start", ...common, step: 1, description: "Writing a.md", emoji: "📄" },
  ]);
  assert.equal(typeof duration_ms, "number");
  assert.deepEqual(result, {
    type: "tool_result",
    ...common,
    success: true,
    output_preview: '"a.md" (3 bytes) will be sent with your reply.',
  });
  assert.deepEqual(terminal.file_data, [
    { filename: "a.md", content_base64: btoa("# A"), media_type: "text/markdown" },
  ]);
  assert.equal(terminal.tool_count, 1);
});

Deno.test("a Python adapter's queued message is answered with a status, then with its reply", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ dialect });
  const gate = new Gate();
  gateway.llm.reply({ text: "1", gate: gate.opened }, { text: "2" });
  const first = adapter.say("one");
  await gateway.llm.request(0);
  const second = adapter.say("two");
  const status = await adapter.waitFor(({ type }) => type === "status");
  const { uptime_seconds, ...figures } = bare([status])[0] as { readonly uptime_seconds: number };
  assert.equal(typeof uptime_seconds, "number");
  assert.deepEqual(figures, { type: "status", active_requests: 1, queue_length: 1 });
  gate.open();
  await adapter.replyTo(first);
  assert.equal((await adapter.replyTo(second)).text, "2");
});

Deno.test("a Python adapter can cancel, ping and ask for the status", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ dialect });
  gateway.llm.reply({ hang: "after-headers" });
  const id = adapter.say("Never mind");
  await gateway.llm.request(0);
  adapter.send({ type: "cancel", request_id: id, reason: null });
  const { terminal } = await adapter.replyTo(id);
  assert.deepEqual(bare([terminal]), [{ type: "cancelled", request_id: id }]);
  await adapter.ping();
  adapter.send({ type: "status" });
  const status = await adapter.waitFor(({ type }) => type === "status");
  assert.equal(status.queue_length, 0);
});

Deno.test("a Python adapter's failed message is an error in its own format", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect({ dialect });
  gateway.llm.reply({ status: 401 });
  const id = adapter.say("Hi");
  const { terminal } = await adapter.replyTo(id);
  assert.deepEqual(bare([terminal]), [{
    type: "error",
    request_id: id,
    code: "llm_unavailable",
    message: "The model's provider refused the gateway's key (401).",
    recoverable: false,
  }]);
  adapter.send({ type: "message", id: "bad-1", content: "no user", channel: { id: "c" } });
  const refused = await adapter.waitFor(({ request_id }) => request_id === "bad-1");
  assert.equal(refused.code, "invalid_message");
  assert.match(refused.message!, /"user"/);
});

Deno.test("a Python adapter receives no unknown frames when the gateway stops", async () => {
  await using gateway = await TestGateway.start();
  const modern = await gateway.connect();
  const adapter = await gateway.connect({ dialect });
  await modern.replyTo(modern.say("Hi", { channelId: "a" }));
  await adapter.replyTo(adapter.say("Hi", { channelId: "b" }));
  const fresh = await gateway.connect({ dialect });
  await gateway.stop();
  const ends = await Promise.all([modern, adapter, fresh].map(({ closed }) => closed));
  assert.deepEqual(ends.map(({ code }) => code), [1012, 1012, 1012]);
  assert.equal(modern.frames.at(-1)!.type, "going_away");
  for (const client of [modern, adapter, fresh]) await client.close();
});

Deno.test("a Python adapter that was away gets its reply in its own dialect", async () => {
  await using gateway = await TestGateway.start();
  const gate = new Gate();
  gateway.llm.reply({ text: "Here", gate: gate.opened });
  const before = await gateway.connect({ dialect, nodeId: "py" });
  const id = before.say("Hi");
  await gateway.llm.request(0);
  await before.close();
  await gateway.waitFor("adapter:disconnected");
  gate.open();
  await gateway.waitFor("message:sent", { requestId: id });
  await using back = await gateway.connect({ dialect, nodeId: "py" });
  const { frames, terminal } = await back.replyTo(id);
  assert.deepEqual(frames.map(({ type }) => type), ["response_start", "response_end"]);
  assert.equal(terminal.full_text, "Here");
});

Deno.test("on a mixed socket each request is answered in its own dialect", async () => {
  await using gateway = await TestGateway.start();
  // Raw frames, because the client accepts only one dialect.
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, { text: "Hi", gate: gate.opened });
  const options = { dialect: "clara-py", requestId: "py", channelId: "a" } as const;
  adapter.send(messageFrame("Python's", options));
  adapter.say("Clara's", { requestId: "c1", channelId: "b" });
  await gateway.llm.request(1);
  gate.open();
  await adapter.replyTo("py");
  await adapter.replyTo("c1");
  const shapes = (requestId: string) =>
    adapter.framesOf(requestId).map(({ type, seq, id }) =>
      [
        type,
        seq === undefined ? "without seq" : "with seq",
        id === undefined ? "without id" : "with id",
      ].join(" ")
    );
  assert.deepEqual(shapes("py"), [
    "response_start without seq with id",
    "response_chunk without seq with id",
    "response_end without seq with id",
  ]);
  assert.deepEqual(
    new Set(shapes("c1").map((shape) => shape.replace(/^\w+ /, ""))),
    new Set([
      "with seq without id",
    ]),
  );
  // The strict client's complaints are what this test expects.
  assert.ok(adapter.violations.length > 0);
  adapter.violations.length = 0;
});
