/** Sessions that continue over a graceful restart of the gateway, without gap or repetition. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { ResumingReader } from "../support/adapter/resuming_reader.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** Sends a message and reads its whole reply. */
async function say(client: AdapterClient, content: string, channelId = "c"): Promise<string> {
  const id = client.say(content, { channelId });
  await client.replyTo(id);
  return id;
}

/** The rows of a table in a gateway's store. */
function rowsIn(dataDir: string, table: string): number {
  const database = new DatabaseSync(join(dataDir, "gateway.db"), { readOnly: true });
  try {
    return Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()!.count);
  } finally {
    database.close();
  }
}

Deno.test("a session continues over SIGTERM: missed frames follow, and no reply is repeated", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const reader = new ResumingReader();
  const ids: string[] = [];
  {
    await using gateway = await startGateway(llm, folder);
    const there = await reader.connect(gateway.url);
    ids.push(await say(there, "acknowledged"));
    there.send({ type: "ack", seq: there.frames.at(-1)!.seq });
    ids.push(await say(there, "seen"));
    // It loses the connection during a reply, which ends while it is away.
    const gate = new Gate();
    llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
    ids.push(there.say("unseen", { channelId: "another" }));
    await there.waitFor(({ content }) => content === "one ");
    await reader.drop(there);
    gate.open();
    await (await llm.request(2)).finished;
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
  }
  await using gateway = await startGateway(llm, folder);
  const back = await reader.connect(gateway.url);
  ids.push(await say(back, "next"));
  await back.ping();
  reader.collect(back);
  reader.assertComplete();
  assert.deepEqual(ids.map((id) => reader.countEnds(id)), [1, 1, 1, 1]);
  assert.equal(reader.frames.filter(({ type }) => type === "response_start").length, 4);
  reader.acknowledge(back);
  // Once acknowledged, nothing is left to send.
  while ((await gateway.health() as { store: { undelivered: number } }).store.undelivered > 0);
  await back.close();
});

Deno.test("a reply interrupted by SIGTERM restarts in the same session", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const reader = new ResumingReader();
  let id = "";
  {
    await using gateway = await startGateway(llm, folder, { CLARA_DRAIN_SECONDS: "0.2" });
    const there = await reader.connect(gateway.url);
    await say(there, "before", "another");
    llm.reply({ text: "Begun", hang: "mid-stream" });
    id = there.say("Take your time");
    await there.waitFor(({ content }) => content === "Begun");
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
    await there.closed;
    await reader.close(there);
  }
  await using gateway = await startGateway(llm, folder);
  const back = await reader.connect(gateway.url);
  assert.equal((await back.replyTo(id)).terminal.content, "Take your time");
  await reader.close(back);
  reader.assertComplete();
  const types = reader.framesOf(id).map(({ type }) => type);
  assert.equal(types.filter((type) => type === "response_start").length, 2);
  assert.equal(reader.countEnds(id), 1);
});

Deno.test("a reply that ends while the gateway drains and its adapter is away is sent once, after the restart", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const gate = new Gate();
  gateway.llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
  const there = await reader.connect(gateway.url);
  const id = there.say("Count");
  await there.waitFor(({ content }) => content === "one ");
  await reader.drop(there);
  await gateway.waitFor("adapter:disconnected");
  const startedAt = performance.now();
  const stopped = gateway.restart();
  await gateway.waitFor("gateway:shutdown");
  gate.open();
  await stopped;
  // The gateway does not wait for an adapter that is not connected.
  assert.ok(performance.now() - startedAt < 2_000);
  const back = await reader.connect(gateway.url);
  await back.replyTo(id);
  await back.ping();
  await reader.close(back);
  reader.assertComplete();
  assert.equal(reader.text, "one two");
  assert.equal(reader.countEnds(id), 1);
});

Deno.test("a session in which nothing was sent continues over three restarts", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  await reader.drop(await reader.connect(gateway.url));
  for (let round = 0; round < 3; round++) {
    await gateway.restart();
    const back = await reader.connect(gateway.url);
    await say(back, `round ${round}`);
    await reader.close(back);
  }
  reader.assertComplete();
});

Deno.test("the session of an adapter that never returns expires, and its rows are deleted", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const there = await reader.connect(gateway.url);
  const id = await say(there, "Hello");
  await reader.drop(there);
  await gateway.restart({ resumeMs: 200 });
  assert.equal(rowsIn(gateway.dataDir, "adapter_frames"), 1);
  while (rowsIn(gateway.dataDir, "adapter_sessions") > 0) await gateway.health();
  assert.equal(rowsIn(gateway.dataDir, "adapter_frames"), 0);
  await using back = await reader.resumeRefused(gateway.url);
  assert.equal((await back.replyTo(id)).terminal.content, "Hello");
});

Deno.test("after a restart the replay window is bounded, and resuming from before it is refused", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const there = await reader.connect(gateway.url);
  const { sessionId } = reader;
  gateway.llm.when(() => true, { text: Array.from({ length: 2_500 }, () => "x") });
  const id = await say(there, "Much");
  await reader.drop(there);
  await gateway.restart();
  const last = reader.lastSeq;
  assert.ok(last > 2_500);
  const database = new DatabaseSync(join(gateway.dataDir, "gateway.db"), { readOnly: true });
  const kept = database.prepare("SELECT before_seq FROM adapter_sessions").get()!;
  database.close();
  assert.equal(kept.before_seq, last - 2_000);
  // The oldest position that is kept, and one before it.
  const back = await reader.connect(gateway.url, { lastSeq: last - 2_000 });
  assert.equal((await back.replyTo(id)).terminal.content!.length, 2_500);
  assert.equal(back.frames.filter(({ seq }) => seq !== undefined).length, 2_000);
  await back.drop();
  await back.close();
  await gateway.restart();
  const position = { sessionId: sessionId!, lastSeq: last - 2_001 };
  await using other = await reader.resumeRefused(gateway.url, position);
  assert.equal((await other.replyTo(id)).terminal.content!.length, 2_500);
});

Deno.test("acknowledged frames are deleted, and without resume nothing is stored", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const there = await reader.connect(gateway.url);
  await say(there, "Hello");
  await using other = await gateway.connect();
  await say(other, "Hello", "another");
  while (rowsIn(gateway.dataDir, "adapter_frames") === 0) await gateway.health();
  reader.collect(there);
  reader.acknowledge(there);
  while (rowsIn(gateway.dataDir, "adapter_frames") > 0) await gateway.health();
  assert.equal(rowsIn(gateway.dataDir, "adapter_sessions"), 1);
  await there.close();
});

Deno.test("a new session of a node ends the one left by the last gateway", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const there = await reader.connect(gateway.url);
  const id = await say(there, "Hello");
  await reader.drop(there);
  await gateway.restart();
  await using fresh = await gateway.connect({ nodeId: reader.nodeId, capabilities: ["streaming"] });
  assert.equal((await fresh.replyTo(id)).terminal.content, "Hello");
  await fresh.close();
  await gateway.restart();
  assert.equal(rowsIn(gateway.dataDir, "adapter_sessions"), 0);
  await (await reader.resumeRefused(gateway.url)).close();
});

Deno.test("a resumed session waits for the acknowledgement of a reply that it does not send again", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const there = await reader.connect(gateway.url);
  const id = await say(there, "Hello");
  await reader.drop(there);
  await gateway.restart();
  // Seen but never acknowledged: resuming acknowledges it.
  const back = await reader.connect(gateway.url);
  await gateway.allDelivered();
  await back.ping();
  await reader.close(back);
  assert.equal(reader.countEnds(id), 1);
});

Deno.test("a message resent after a restart gets its reply again, in the same session", async () => {
  await using gateway = await TestGateway.start();
  const reader = new ResumingReader();
  const there = await reader.connect(gateway.url);
  const id = await say(there, "Hello");
  await reader.drop(there);
  await gateway.restart();
  const back = await reader.connect(gateway.url);
  back.resend("Hello", { requestId: id, channelId: "c" });
  assert.equal((await back.replyTo(id)).terminal.content, "Hello");
  await reader.close(back);
  reader.assertComplete();
  assert.equal(gateway.llm.requests.length, 1);
});

Deno.test("a graceful restart under load repeats nothing, whenever it happens", async () => {
  await using gateway = await TestGateway.start({ config: { drainMs: 50 } });
  gateway.llm.when(() => true, (request) => ({
    text: lastText(request).split(" "),
    chunkDelayMs: 5,
  }));
  const reader = new ResumingReader();
  const ids: string[] = [];
  for (let round = 0; round < 4; round++) {
    const client = await reader.connect(gateway.url);
    for (let channel = 0; channel < 4; channel++) {
      ids.push(client.say("a b c d e f g h", { channelId: `${channel}` }));
    }
    // Accepted, and somewhere in progress.
    const taken = ids.slice(-4);
    await client.waitFor(() => taken.every((id) => client.framesOf(id).length > round % 3));
    if (round % 2 === 0) reader.acknowledge(client);
    if (round % 3 === 0) await client.drop();
    await gateway.restart();
    await client.closed;
    await reader.close(client);
  }
  const last = await reader.connect(gateway.url);
  const rest = ids.filter((id) => reader.countEnds(id) === 0);
  for (const id of rest) await last.replyTo(id);
  await last.ping();
  await reader.close(last);
  reader.assertComplete();
  assert.deepEqual(ids.map((id) => reader.countEnds(id)), ids.map(() => 1));
});
