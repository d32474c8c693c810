/** How an abusive adapter affects the latency of others. */
// Runs alone: it compares latencies.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { AdapterClient } from "../support/adapter/client.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";

/** The 99th percentile of the reply times of four adapters, milliseconds. */
async function p99(url: string, until: Promise<unknown>): Promise<number> {
  const tookMs: number[] = [];
  let over = false;
  until.then(() => over = true);
  // At least a thousand messages, each in a new channel; each adapter sends one at a time.
  await Promise.all(Array.from({ length: 4 }, async () => {
    await using adapter = await AdapterClient.connect({ url });
    for (let count = 0; count < 250 || !over; count++) {
      const startedAt = performance.now();
      const from = adapter.frames.length;
      const id = adapter.say("quiet", { channelId: crypto.randomUUID() });
      tookMs.push((await adapter.replyTo(id, { from })).terminal.at - startedAt);
    }
  }));
  return tookMs.sort((a, b) => a - b)[Math.floor(tookMs.length * 0.99)]!;
}

function abuse(url: string): Promise<Deno.CommandStatus> {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const abuser = fileURLToPath(new URL("abuser.ts", import.meta.url));
  const args = ["run", "--quiet", "--no-check", "--allow-all", "--config", `${root}deno.json`];
  return new Deno.Command(Deno.execPath(), { args: [...args, abuser, url], stdin: "null" })
    .spawn().status;
}

Deno.test("fault 27: next to an abusive adapter, others wait at most twice as long", async () => {
  await using gateway = await GatewayProcess.start();
  // The abuser uses the same share of the machine when it abuses another gateway.
  await using elsewhere = await GatewayProcess.start();
  const beside = async (url: string): Promise<number> => {
    const abused = abuse(url);
    const ms = await p99(gateway.url, abused);
    assert.equal((await abused).code, 0);
    return ms;
  };
  await beside(elsewhere.url);
  // Other load on the machine slows either by chance, so compare the best of each.
  let [without, with_] = [Infinity, Infinity];
  for (let round = 0; round < 6 && !(with_ < 2 * without + 10); round++) {
    without = Math.min(without, await beside(elsewhere.url));
    with_ = Math.min(with_, await beside(gateway.url));
  }
  console.log(`p99: ${without.toFixed(1)} ms, beside an abuser ${with_.toFixed(1)}`);
  assert.ok(with_ < 2 * without + 10, `${with_} ms beside, ${without} ms alone`);
});
