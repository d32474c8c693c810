/**
 * The gateway is killed repeatedly at random moments under load; nothing may be lost or repeated.
 *
 * `CLARA_FAULT_KILLS=200 CLARA_FAULT_SEED=7 deno task test:faults` (or `--kills 200 --seed 7`)
 * makes a long run and replays a seed's choices: when to kill, and what adapters send.
 */

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { within } from "../support/deadline.ts";
import { Load } from "../support/load/load.ts";
import { Random } from "../support/random.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { kills: { type: "string" }, seed: { type: "string" } },
});
const kills = Number(values.kills ?? Deno.env.get("CLARA_FAULT_KILLS") ?? 15);
const seed = Number(values.seed ?? Deno.env.get("CLARA_FAULT_SEED") ?? 1);

/** Waits for the next kill: during a start, after some frames, or when a tool starts. */
async function randomMoment(load: Load, random: Random): Promise<void> {
  const choice = random.below(100);
  if (choice < 10) {
    await load.gateway.spawned();
    return await pause(random.below(700));
  }
  await load.gateway.listening();
  if (choice < 40) await load.tools.more(1 + random.below(5));
  else await load.frames.more(1 + random.below(choice < 70 ? 30 : 600));
  if (random.chance(50)) await pause(random.below(20));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

Deno.test(`fault 2: ${kills} kills at random moments under load lose and repeat nothing (seed ${seed})`, async () => {
  const random = new Random(seed);
  await using load = new Load(random);
  for (let kill = 0; kill < kills; kill++) {
    const moment = within(randomMoment(load, random), { timeoutMs: 60_000, what: `kill ${kill}` });
    await load.whileRunning(moment);
    await load.gateway.kill();
  }
  const { problems, ...figures } = await load.finish();
  console.log("seed", seed, { kills: load.gateway.kills, starts: load.gateway.starts, ...figures });
  assert.deepEqual(problems.slice(0, 20), [], `${problems.length} broken promises, seed ${seed}`);
  assert.ok(figures.requests > 10 * load.adapters.length);
  assert.ok(figures.toolRuns > 0);
});
