/** A busy channel and its neighbours. */
// Runs alone: it compares latencies.

import assert from "node:assert/strict";
import type { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** The 99th percentile of the reply times of a thousand quiet channels, milliseconds. */
async function quietP99(adapter: AdapterClient, round: string): Promise<number> {
  const tookMs: number[] = [];
  for (let first = 0; first < 1_000; first += 20) {
    const ids = Array.from({ length: 20 }, (_, index) => {
      const startedAt = performance.now();
      const id = adapter.say("quiet", { channelId: `${round} ${first + index}` });
      return { id, startedAt };
    });
    await Promise.all(ids.map(async ({ id, startedAt }) => {
      const { terminal } = await adapter.replyTo(id, { from: adapter.frames.length });
      tookMs.push(terminal.at - startedAt);
    }));
  }
  return tookMs.sort((a, b) => a - b)[Math.floor(tookMs.length * 0.99)]!;
}

Deno.test("fault 10: next to a busy channel a thousand quiet ones wait at most twice as long", async () => {
  await using gateway = await TestGateway.start();
  // A turn in the busy channel takes time; the quiet ones are answered at once.
  gateway.llm.when((request) => lastText(request) === "busy", {
    text: Array.from({ length: 10 }, () => "busy "),
    chunkDelayMs: 5,
  }).when(() => true, { text: "quiet" });
  await using adapter = await gateway.connect();
  await using busy = await gateway.connect();
  await quietP99(adapter, "warm");
  let stop = false;
  // Its queue is always full: each reply is followed by ten more messages, most of them refused.
  const keepBusy = async () => {
    const ids = Array.from({ length: 100 }, () => busy.say("busy", { channelId: "busy" }));
    let answered = 0;
    for (const id of ids) {
      if ((await busy.replyTo(id)).terminal.type !== "response_end") continue;
      answered++;
      if (stop) busy.cancel({ channelId: "busy" });
      else for (let more = 0; more < 10; more++) ids.push(busy.say("busy", { channelId: "busy" }));
    }
    return answered;
  };
  // Other load on the machine slows either by chance, so compare the best of three rounds.
  const alone: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < 3; round++) {
    alone.push(await quietP99(adapter, `alone ${round}`));
    stop = false;
    const sending = keepBusy();
    beside.push(await quietP99(adapter, `beside ${round}`));
    stop = true;
    assert.ok(await sending > 1, "the busy channel goes on, too");
  }
  const [without, with_] = [Math.min(...alone), Math.min(...beside)];
  console.log(
    `p99 of quiet channels: ${without.toFixed(1)} ms, next to a busy one ${with_.toFixed(1)}`,
  );
  assert.ok(with_ < 2 * without + 10, `${with_} ms beside, ${without} ms alone`);
});

Deno.test("fault 10: once the queue is full messages are refused, and the earlier ones are answered in order", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { queuedPerChannel: 10 } } });
  await using adapter = await gateway.connect();
  const ids = Array.from({ length: 50 }, (_, index) => adapter.say(`${index}`));
  const ends = await Promise.all(ids.map((id) => adapter.replyTo(id)));
  const answered = ends.filter(({ terminal }) => terminal.type === "response_end");
  assert.ok(answered.length >= 11);
  assert.deepEqual(
    gateway.llm.requests.map(({ body }) => lastText(body)),
    answered.map(({ terminal }) => terminal.content),
  );
  for (const { terminal } of ends) {
    if (terminal.type === "error") assert.equal(terminal.code, "queue_full");
  }
});
