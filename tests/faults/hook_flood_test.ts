/**
 * More events than a slow hook can handle: turns are not affected, memory is bounded, dropped
 * events are counted.
 */
// Runs alone: it measures latencies and memory.

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { runCommand } from "../support/process/command_process.ts";
import { within } from "../support/deadline.ts";
import type { GatewayProcess } from "../support/process/gateway_process.ts";
import { type Entry, HooksFolder } from "../support/hooks_folder.ts";
import { residentMb } from "../support/process/processes.ts";

const rounds = 25;
const burst = 25;
/** Two events per turn of an existing session. */
const eventCount = rounds * (burst + 1) * 2;
const queuedEvents = 1_000;
const slow: Entry = { name: "slow", event: "*", command: "sleep 0.3", description: "Too slow" };

interface HookFigures {
  readonly queued: number;
  readonly running: number;
  readonly dropped: number;
}

/** The measurements of one flood. */
interface Flood {
  /** Median and worst latency of a turn during the flood, milliseconds. */
  readonly medianMs: number;
  readonly worstMs: number;
  readonly tookMs: number;
  readonly rssMb: number;
  readonly figures: HookFigures;
}

/** Sends bursts of messages, each in its own channel, and times one turn in each burst. */
async function flood(gateway: GatewayProcess): Promise<Flood> {
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  const startedAt = performance.now();
  const ids: string[] = [];
  const latencies: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let index = 0; index < burst; index++) {
      ids.push(adapter.say("One of many", { channelId: `channel-${round}-${index}` }));
    }
    const sentAt = performance.now();
    const { terminal } = await adapter.replyTo(adapter.say("Probe", { channelId: "probe" }));
    assert.equal(terminal.content, "Probe");
    latencies.push(terminal.at - sentAt);
  }
  for (const id of ids) {
    const { terminal } = await adapter.replyTo(id, { timeoutMs: 30_000 });
    assert.equal(terminal.content, "One of many");
  }
  const tookMs = performance.now() - startedAt;
  const { hooks } = await gateway.health() as { readonly hooks: HookFigures };
  latencies.sort((a, b) => a - b);
  return {
    medianMs: latencies[rounds >> 1]!,
    worstMs: latencies.at(-1)!,
    tookMs,
    rssMb: await residentMb(gateway.pid),
    figures: hooks,
  };
}

function shown({ medianMs, worstMs, tookMs, rssMb }: Flood): string {
  const rate = Math.round(eventCount / tookMs * 1000);
  return `turns took ${medianMs.toFixed(1)} ms (median), ${worstMs.toFixed(1)} ms (worst); ` +
    `${rate} events/s, ${Math.round(rssMb)} MB`;
}

Deno.test("a thousand events in a second and a slow hook: turns go on, and the backlog is bounded", async () => {
  await using plain = new HooksFolder();
  await using quiet = await plain.start();
  await flood(quiet);
  const without = await flood(quiet);
  assert.equal((await quiet.kill("SIGTERM")).code, 0);

  await using folder = new HooksFolder();
  await using gateway = await folder.start();
  await flood(gateway);
  folder.writeHooks([slow]);
  await gateway.waitForLog(/Reloaded .*hooks\.yaml/);
  const withHook = await flood(gateway);
  console.log(`without a hook: ${shown(without)}\nwith a slow one: ${shown(withHook)}`);

  const { queued, running, dropped } = withHook.figures;
  assert.ok(queued <= queuedEvents, `${queued} events wait`);
  assert.equal(running, 1);
  assert.ok(dropped > 0, "some events were dropped");
  const handled = withHook.tookMs / 300 + 2;
  assert.ok(queued + dropped >= eventCount - handled, `${queued} wait, ${dropped} dropped`);
  await gateway.waitForLog(/Hook \\?"slow\\?" is too slow/);
  const { out: list } = await runCommand(["hooks", "list"], {
    cwd: folder.path,
    url: gateway.url,
  });
  const row = /^slow +\* +running +(\d+) +(\d+) /m.exec(list);
  assert.ok(row, list);
  assert.ok(Number(row[1]) <= queuedEvents && Number(row[2]) >= dropped, list);

  // Far looser than what is printed, so that a busy machine does not fail the test.
  assert.ok(withHook.medianMs < without.medianMs * 5 + 100, "turns took far longer with a hook");
  assert.ok(withHook.rssMb < without.rssMb + 150, "memory grew with the hook");
  const ended = await within(gateway.kill("SIGTERM"), { what: "the end", timeoutMs: 20_000 });
  assert.equal(ended.code, 0);
});

Deno.test("a thousand large events and a slow hook: the backlog is bounded in memory, too", async () => {
  await using folder = new HooksFolder([slow]);
  await using gateway = await folder.start();
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  const content = `${"x".repeat(100_000)}`;
  for (let round = 0; round < 50; round++) {
    const ids = Array.from(
      { length: 10 },
      (_, index) => adapter.say(content, { channelId: `c${index}` }),
    );
    for (const id of ids) {
      assert.equal(
        (await adapter.replyTo(id, { timeoutMs: 30_000 })).terminal.type,
        "response_end",
      );
    }
  }
  const { hooks } = await gateway.health() as { readonly hooks: HookFigures };
  const rss = await residentMb(gateway.pid);
  console.log(`${hooks.queued} events wait, ${hooks.dropped} dropped, ${Math.round(rss)} MB`);
  assert.ok(hooks.queued < 400, `${hooks.queued} events of 100 KB wait`);
  assert.ok(hooks.dropped > 500, `${hooks.dropped} were dropped`);
  assert.ok(rss < 700, `${rss} MB`);
});
