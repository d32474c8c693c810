/** Deleting a user: everything of that user is removed, and nothing of others. */

import assert from "node:assert/strict";
import { type ChatRequest, textOf } from "../support/llm/chat_request.ts";
import { filesWith, tablesWith } from "../support/database_text.ts";
import { ResumingReader } from "../support/adapter/resuming_reader.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

const ada = { userId: "ada-4711", user_name: "Ada Zweistein" };
const bob = { userId: "bob-0815", user_name: "Bob" };
/** Words that are only in Ada's data. */
const traces = ["ada-4711", "Zweistein", "Xylophon", "Quarzuhr", "Fagottist", "dm-of-ada"];

const isSummary = ({ messages }: ChatRequest) =>
  textOf(messages[0]!).startsWith("You keep the notes");

function erase(gateway: TestGateway, user: string): Promise<Response> {
  const url = `${gateway.httpUrl}/admin/users/${encodeURIComponent(user)}`;
  return fetch(url, { method: "DELETE" });
}

/** A gateway with all kinds of data about Ada, and some about Bob. */
async function fillWithData(gateway: TestGateway): Promise<void> {
  const { llm } = gateway;
  llm.when(isSummary, { text: "Ada plays the Xylophon." });
  await using adapter = await gateway.connect({ nodeId: "main" });
  const dm = { ...ada, channelId: "dm-of-ada", channel_type: "dm" };
  const dueAt = new Date(Date.now() + 86_400_000).toISOString();
  llm.reply(
    {
      toolCalls: [
        { name: "remember", arguments: { text: "Plays the Xylophon" } },
        {
          name: "save_file",
          arguments: { filename: "Quarzuhr.txt", content: "Of the Quarzuhr" },
        },
        {
          name: "schedule_reminder",
          arguments: { text: "Wind the Quarzuhr", at: dueAt },
        },
      ],
    },
    { text: "I know the Xylophon now." },
  );
  const first = await adapter.replyTo(
    adapter.say("I play the Xylophon" + " every day".repeat(150), dm),
  );
  assert.equal(first.terminal.tool_count, 3);
  llm.when(() => true, { text: "Fine." });
  await adapter.replyTo(adapter.say("/new", dm));
  await (await llm.waitForRequest(isSummary)).finished;
  const group = { channelId: "group", channel_type: "group" };
  await adapter.replyTo(adapter.say("I am the Fagottist", { ...ada, ...group }));
  await adapter.replyTo(adapter.say("I am a plumber", { ...bob, ...group }));
  await gateway.allDelivered();
}

Deno.test("all data of a user is deleted, and the data of others stays", async () => {
  await using folder = new TempFolder();
  const toolsFile = `${folder.path}/tools.yaml`;
  await Deno.writeTextFile(toolsFile, "rules:\n  - action: allow\n    tools: [save_file]\n");
  await using gateway = await TestGateway.start({ config: { toolsFile } });
  await fillWithData(gateway);
  const before = tablesWith(gateway.dataDir, traces);
  for (const table of ["requests", "sessions", "history", "memories", "reminders"]) {
    assert.ok(before.includes(table), `${table} of ${before}`);
  }
  assert.ok(filesWith(`${gateway.dataDir}/files`, traces).length > 0);

  const answer = await erase(gateway, "test:ada-4711");
  assert.equal(answer.status, 200);
  const { deleted } = await answer.json();
  const { requests, history, sessions, memories, reminders, files } = deleted;
  assert.deepEqual(
    { requests, history, sessions, memories, reminders, files },
    { requests: 3, history: 4, sessions: 2, memories: 1, reminders: 1, files: 1 },
  );
  assert.deepEqual(tablesWith(gateway.dataDir, traces), []);

  const again = await (await erase(gateway, "test:ada-4711")).json();
  assert.ok(Object.values(again.deleted).every((count) => count === 0), JSON.stringify(again));
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("And I?", { ...bob, channelId: "group" }));
  const shown = gateway.llm.requests.at(-1)!.body.messages.slice(1).map(textOf);
  assert.deepEqual(shown, ["I am a plumber", "Fine.", "And I?"]);
  await gateway.stop();
  // Not even bytes are left, neither in the write-ahead log nor in free pages.
  assert.deepEqual(filesWith(gateway.dataDir, traces), []);
  assert.ok(filesWith(gateway.dataDir, ["plumber"]).length > 0);
});

Deno.test("the user's running and queued requests are cancelled first", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when((request) => /Xylophon/.test(textOf(request.messages.at(-1)!)), {
    text: ["I "],
    hang: "mid-stream",
  });
  const running = adapter.say("Xylophon", ada);
  const waiting = adapter.say("Xylophon again", ada);
  const others = adapter.say("And I?", bob);
  await adapter.waitFor(({ type }) => type === "response_chunk");
  const { deleted } = await (await erase(gateway, "test:ada-4711")).json();
  assert.equal(deleted.requests, 2);
  for (const id of [running, waiting]) {
    assert.equal((await adapter.replyTo(id)).terminal.type, "cancelled");
  }
  assert.equal((await adapter.replyTo(others)).terminal.type, "response_end");
  assert.deepEqual(tablesWith(gateway.dataDir, traces), []);
});

Deno.test("frames kept for replay are deleted, and the sessions go on without them", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const adapter = await reader.connect(gateway.url);
  await adapter.replyTo(adapter.say("I play the Xylophon", ada));
  while (!tablesWith(gateway.dataDir, traces).includes("adapter_frames")) await gateway.health();
  const unwritten = adapter.say("And the Quarzuhr", ada);
  await adapter.replyTo(unwritten);
  await (await erase(gateway, "test:ada-4711")).body?.cancel();
  assert.deepEqual(tablesWith(gateway.dataDir, traces), []);
  await adapter.replyTo(adapter.say("And I?", bob));
  await reader.drop(adapter);
  await gateway.restart();
  assert.deepEqual(filesWith(gateway.dataDir, traces), []);
  const back = await reader.connect(gateway.url);
  await back.replyTo(back.say("And now?", bob));
  await reader.close(back);
  reader.assertComplete();
  await gateway.restart();
  await (await reader.resumeRefused(gateway.url, { ...reader.position, lastSeq: 3 })).close();
});

Deno.test("a summary in progress of the user's messages is discarded", async () => {
  await using gateway = await TestGateway.start();
  const { llm } = gateway;
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  llm.when(isSummary, { text: "Ada plays the Xylophon.", gate: opened });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("I play the Xylophon" + " every day".repeat(150), ada));
  await adapter.replyTo(adapter.say("/new", ada));
  const { finished } = await llm.waitForRequest(isSummary);
  await (await erase(gateway, "test:ada-4711")).body?.cancel();
  open();
  await finished;
  await gateway.stop();
  assert.deepEqual(filesWith(gateway.dataDir, traces), []);
});

Deno.test("a malformed user is refused, and an unknown one has no data", async () => {
  await using gateway = await TestGateway.start();
  for (const wrong of ["ada", ":ada", "test:"]) {
    const answer = await erase(gateway, wrong);
    assert.equal(answer.status, 400);
    assert.match((await answer.json()).error, /expected PLATFORM:ID/);
  }
  const { deleted } = await (await erase(gateway, "test:nobody")).json();
  assert.equal(deleted.history, 0);
});
