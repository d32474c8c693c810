/** Many messages at once: channels run in parallel, with one turn at a time in each. */

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** The users' texts in the order in which the model received them. */
function asked({ llm }: TestGateway): readonly string[] {
  return llm.requests.map(({ body }) => lastText(body));
}

/** Sends `word` in a channel and waits until the gateway reports it as queued. */
async function queue(
  adapter: AdapterClient,
  word: string,
  options: { readonly channelId?: string; readonly priority?: "high" | "normal" | "low" } = {},
): Promise<{ readonly id: string; readonly position: number }> {
  const id = adapter.say(word, options);
  const { state, position } = await adapter.waitFor(({ type, request_id }) =>
    type === "status" && request_id === id
  );
  assert.equal(state, "queued");
  return { id, position: position! };
}

Deno.test("twenty channels of one socket run at once, and all finish", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({
    text: [lastText(request), " and back"],
    gate: gate.opened,
  }));
  const ids = Array.from(
    { length: 20 },
    (_, index) => adapter.say(`hello ${index}`, { channelId: `channel ${index}` }),
  );
  await gateway.llm.request(19);
  assert.equal(gateway.llm.active, 20);
  gate.open();
  const replies = await Promise.all(ids.map((id) => adapter.replyTo(id)));
  assert.deepEqual(
    replies.map(({ terminal }) => terminal.content),
    ids.map((_, index) => `hello ${index} and back`),
  );
  assert.equal(gateway.llm.peak, 20);
});

Deno.test("five messages of a channel run in order, one at a time", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const ids = ["a", "b", "c", "d", "e"].map((word) => adapter.say(word));
  const positions = await Promise.all(
    ids.slice(1).map((id) =>
      adapter.waitFor(({ type, request_id }) => type === "status" && request_id === id)
    ),
  );
  assert.deepEqual(positions.map(({ position }) => position), [1, 2, 3, 4]);
  assert.deepEqual(positions.map(({ state }) => state), ["queued", "queued", "queued", "queued"]);
  gate.open();
  await Promise.all(ids.map((id) => adapter.replyTo(id)));
  const ends = adapter.frames.filter(({ type }) => type === "response_end");
  assert.deepEqual(ends.map(({ content }) => content), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(asked(gateway), ["a", "b", "c", "d", "e"]);
  assert.equal(gateway.llm.peak, 1);
});

Deno.test("channels of the same name on two platforms are separate", async () => {
  await using gateway = await TestGateway.start();
  await using discord = await gateway.connect({ platform: "discord" });
  await using teams = await gateway.connect({ platform: "teams" });
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const ids = [discord.say("from Discord"), teams.say("from Teams")] as const;
  await gateway.llm.request(1);
  gate.open();
  await discord.replyTo(ids[0]);
  await teams.replyTo(ids[1]);
});

Deno.test("high priority overtakes queued messages, low priority lets them pass", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const ids = [adapter.say("running")];
  await gateway.llm.request(0);
  for (
    const [word, priority, place] of [
      ["low", "low", 1],
      ["normal 1", "normal", 1],
      ["normal 2", "normal", 2],
      ["high 1", "high", 1],
      ["high 2", "high", 2],
    ] as const
  ) {
    const { id, position } = await queue(adapter, word, { priority });
    assert.equal(position, place);
    ids.push(id);
  }
  gate.open();
  await Promise.all(ids.map((id) => adapter.replyTo(id)));
  assert.deepEqual(asked(gateway), ["running", "high 1", "high 2", "normal 1", "normal 2", "low"]);
});

Deno.test("low priority does not starve behind an endless stream of high priority", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const ids = [adapter.say("running")];
  await gateway.llm.request(0);
  ids.push((await queue(adapter, "low", { priority: "low" })).id);
  for (let index = 0; index < 20; index++) {
    ids.push((await queue(adapter, `high ${index}`, { priority: "high" })).id);
  }
  gate.open();
  await Promise.all(ids.map((id) => adapter.replyTo(id)));
  const place = asked(gateway).indexOf("low");
  assert.ok(place > 1 && place < 12, `the low one came at place ${place}`);
});

Deno.test("a full queue refuses the next message and keeps the earlier ones", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { queuedPerChannel: 2 } } });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const first = adapter.say("1");
  await gateway.llm.request(0);
  const second = await queue(adapter, "2");
  const third = await queue(adapter, "3");
  const refused = await adapter.replyTo(adapter.say("4", { requestId: "four" }));
  assert.equal(refused.terminal.code, "queue_full");
  assert.equal(refused.terminal.recoverable, true);
  assert.deepEqual(refused.terminal.details, { reason: "channel" });
  assert.equal(refused.frames.length, 1);
  const elsewhere = adapter.say("elsewhere", { channelId: "other" });
  await gateway.llm.request(1);
  gate.open();
  for (const id of [first, second.id, third.id, elsewhere]) await adapter.replyTo(id);
  // The same id again, as the error says.
  const again = await adapter.replyTo(adapter.say("4", { requestId: "four" }), {
    from: adapter.frames.indexOf(refused.terminal) + 1,
  });
  assert.equal(again.text, "4");
});

Deno.test("no more turns run at once than allowed, and queued channels take turns", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { concurrentTurns: 3 } } });
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when(() => true, (request) => ({ text: lastText(request), gate: gate.opened }));
  const ids = Array.from(
    { length: 12 },
    (_, index) => adapter.say(`${index}`, { channelId: `channel ${index % 6}` }),
  );
  await gateway.llm.request(2);
  const waiting = ids.slice(3);
  await Promise.all(
    waiting.map((id) =>
      adapter.waitFor(({ type, request_id }) => type === "status" && request_id === id)
    ),
  );
  gate.open();
  await Promise.all(ids.map((id) => adapter.replyTo(id)));
  assert.equal(gateway.llm.peak, 3);
  assert.equal(gateway.llm.requests.length, 12);
  // Every channel had its first turn before any had its second.
  assert.deepEqual(asked(gateway).slice(0, 6).map(Number).toSorted(), [0, 1, 2, 3, 4, 5]);
});

Deno.test("a failure in one channel does not affect another", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const gate = new Gate();
  gateway.llm.when((request) => lastText(request) === "slow", {
    text: ["s", "low"],
    gateAfter: { chunks: 1, until: gate.opened },
  }).when((request) => lastText(request) === "bad", { status: 401 });
  const slow = adapter.say("slow", { channelId: "one" });
  await adapter.waitFor(({ type }) => type === "response_chunk");
  const bad = await adapter.replyTo(adapter.say("bad", { channelId: "two" }));
  assert.equal(bad.terminal.code, "llm_unavailable");
  gate.open();
  assert.equal((await adapter.replyTo(slow)).text, "slow");
});
