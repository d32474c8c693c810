/** Fault 24: a gateway is killed repeatedly while its tasks fire every second. */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { within } from "../support/deadline.ts";
import { LlmServer } from "../support/llm/server.ts";
import { historyRows } from "../e2e/history_rows.ts";
import { SchedulerFolder } from "./scheduler_folder.ts";

const nodeId = "adapter-1";
const rounds = 20;
const longestMs = 45_000;

/** Messages killed several times would be set aside, which another test covers. */
const env = { CLARA_MAX_ATTEMPTS: "100" };

const everySecond = `tasks:
  - name: command
    type: interval
    interval: 1
    overlap: queue
    missed: all
    command: echo "$CLARA_FIRE_AT" >> ran
  - name: prompt
    type: interval
    interval: 1
    missed: all
    prompt: tick
    platform: test
    channel: clock
    node: ${nodeId}
`;

Deno.test("kills around fire times run nothing twice, and neither lose nor repeat a prompt", async () => {
  await using llm = LlmServer.start();
  await using place = new SchedulerFolder();
  place.write(everySecond);
  const waits: number[] = [];
  const startedAt = performance.now();
  while (waits.length < rounds && performance.now() - startedAt < longestMs) {
    await using gateway = await place.start({ llm, env });
    // Any moment within a second, including while the gateway catches up.
    waits.push(Math.floor(Math.random() * 1200));
    await pause(waits.at(-1));
    await gateway.kill("SIGKILL");
  }
  assert.ok(waits.length >= 5, `${waits.length} rounds`);
  place.write("tasks: []\n");
  await using gateway = await place.start({ llm, env });
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  await within(idle(gateway.httpUrl), { timeoutMs: 30_000, what: "all replies" });
  await adapter.ping();
  await gateway.kill("SIGTERM");
  check({ place, adapter, llm }, `killed after ${waits.join(", ")} ms`);
});

/** Resolves when nothing is queued, running or undelivered. */
async function idle(url: string): Promise<void> {
  for (;;) {
    const { store } = await (await fetch(`${url}/health`)).json();
    if (store.queued + store.running + store.undelivered === 0) return;
  }
}

function check(
  { place, adapter, llm }: {
    readonly place: SchedulerFolder;
    readonly adapter: AdapterClient;
    readonly llm: LlmServer;
  },
  how: string,
): void {
  const ran = place.lines("ran");
  assert.equal(new Set(ran).size, ran.length, `a command ran twice for one time: ${how}`);
  const counts = new Map(
    place.rows("SELECT name, run_count FROM tasks").map((row) => [row.name, row.run_count]),
  );
  assert.ok(ran.length <= Number(counts.get("command")), how);
  // A run that started but did not write its line was interrupted and is reported as such.
  const cutOff = place.rows("SELECT error FROM runs WHERE name = 'command' AND error IS NOT NULL");
  for (const { error } of cutOff) assert.match(String(error), /the gateway ended while it ran/);
  assert.ok(Number(counts.get("command")) - ran.length <= cutOff.length, how);
  assert.deepEqual(place.rows("SELECT id FROM runs WHERE duration_ms IS NULL"), []);

  const prompts = place.rows("SELECT request_id FROM requests ORDER BY seq")
    .map(({ request_id }) => String(request_id));
  const triggers = place.rows("SELECT trigger FROM runs WHERE name = 'prompt' ORDER BY id")
    .map(({ trigger }) => `task-prompt-${trigger}`);
  assert.ok(triggers.length > 3, how);
  // After a final kill, one submitted prompt may not be claimed yet.
  const claimed = Number(counts.get("prompt"));
  assert.ok(
    [claimed, claimed + 1].includes(prompts.length),
    `${prompts.length} of ${claimed}: ${how}`,
  );
  for (const id of triggers) assert.ok(prompts.includes(id), `${id} was lost: ${how}`);
  const said = historyRows(place.dataDir).filter(([role]) => role === "user");
  assert.ok(said.length === prompts.length, `${said.length} of ${prompts.length} answered: ${how}`);
  const told = adapter.frames.filter(({ type }) => type === "proactive_message")
    .map(({ request_id }) => request_id);
  assert.deepEqual(told, prompts, `each reply arrives once, in order: ${how}`);
  assert.ok(llm.requests.every(({ body }) => lastText(body).endsWith("tick")));
}
