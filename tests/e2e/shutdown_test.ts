/** Stopping a gateway: running turns finish or are put back, and nothing is lost. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const nodeId = "adapter-1";

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`on ${signal} a running turn finishes, and new messages are refused`, async () => {
    await using llm = await LlmServer.start();
    await using folder = new TempFolder();
    const gate = new Gate();
    llm.when((request) => lastText(request) === "running", {
      text: ["to ", "the end"],
      gateAfter: { chunks: 1, until: gate.opened },
    });
    await using gateway = await startGateway(llm, folder);
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
    const running = adapter.say("running");
    const waiting = adapter.say("waiting");
    await adapter.waitFor(({ type }) => type === "response_chunk");
    await adapter.waitFor(({ type, request_id }) => type === "status" && request_id === waiting);
    const ended = gateway.kill(signal);
    const goingAway = await adapter.waitFor(({ type }) => type === "going_away");
    assert.equal(goingAway.reason, signal);
    const refused = await adapter.replyTo(adapter.say("too late"));
    assert.equal(refused.terminal.code, "shutting_down");
    assert.equal(refused.terminal.recoverable, true);
    gate.open();
    assert.equal((await adapter.replyTo(running)).terminal.content, "to the end");
    assert.equal((await ended).code, 0);
    assert.equal((await adapter.closed).code, 1012);
    assert.equal(adapter.framesOf(waiting).length, 1);

    await using next = await startGateway(llm, folder);
    await using later = await AdapterClient.connect({ url: next.url, nodeId });
    assert.equal((await later.replyTo(waiting)).terminal.content, "waiting");
    assert.deepEqual(later.framesOf(running), []);
  });
}

Deno.test("a turn that outlasts the drain time is put back and answered by the next gateway", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply({ text: "Begun", hang: "mid-stream" });
  await using stopped = await startGateway(llm, folder, { CLARA_DRAIN_SECONDS: "0.2" });
  const before = await AdapterClient.connect({ url: stopped.url, nodeId });
  const id = before.say("Take your time");
  await before.waitFor(({ type }) => type === "response_chunk");
  assert.equal((await stopped.kill("SIGTERM")).code, 0);
  assert.equal((await before.closed).code, 1012);
  assert.ok(
    !before.framesOf(id).some(({ type }) =>
      type !== "response_start" &&
      type !== "response_chunk"
    ),
  );
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await adapter.replyTo(id)).terminal.content, "Take your time");
});

Deno.test("a turn put back after a tool does not run the tool again", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply(
    { text: "Looking.", toolCalls: [{ id: "t1", name: "current_time", arguments: {} }] },
    { hang: "before-headers" },
  );
  await using stopped = await startGateway(llm, folder, { CLARA_DRAIN_SECONDS: "0" });
  const before = await AdapterClient.connect({ url: stopped.url, nodeId });
  const id = before.say("What time is it?");
  const cut = await llm.request(1);
  assert.equal((await stopped.kill("SIGTERM")).code, 0);
  await before.close();

  llm.when(
    ({ messages }) => messages.at(-1)!.role === "user",
    { toolCalls: [{ id: "t2", name: "current_time", arguments: {} }] },
  ).when(() => true, { text: "Noon." });
  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  const { terminal } = await adapter.replyTo(id);
  assert.equal(terminal.code, undefined, terminal.message);
  assert.equal(terminal.content, "Looking.\n\nNoon.");
  assert.equal(terminal.tool_count, 1);
  assert.deepEqual(llm.requests.at(-1)!.body.messages.slice(1), cut.body.messages.slice(1));
});

Deno.test("putting a turn back does not count as an attempt", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const env = { CLARA_DRAIN_SECONDS: "0", CLARA_MAX_ATTEMPTS: "1" };
  let id = "";
  for (let round = 0; round < 2; round++) {
    llm.reply({ hang: "before-headers" });
    await using gateway = await startGateway(llm, folder, env);
    if (round === 0) {
      const before = await AdapterClient.connect({ url: gateway.url, nodeId });
      id = before.say("Patience");
      await llm.request(0);
      await before.close();
    }
    await llm.request(round);
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
  }
  await using gateway = await startGateway(llm, folder, env);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await adapter.replyTo(id)).terminal.content, "Patience");
});

Deno.test("a second signal ends the process at once, and the next gateway answers the turn", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  llm.reply({ text: "Begun", hang: "mid-stream" });
  await using stopped = await startGateway(llm, folder, { CLARA_DRAIN_SECONDS: "600" });
  const before = await AdapterClient.connect({ url: stopped.url, nodeId });
  const id = before.say("Take your time");
  await before.waitFor(({ type }) => type === "response_chunk");
  const ended = stopped.kill("SIGTERM");
  await before.waitFor(({ type }) => type === "going_away");
  stopped.kill("SIGTERM");
  assert.equal((await ended).code, 130);
  await before.close();

  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal((await adapter.replyTo(id)).terminal.content, "Take your time");
});
