/**
 * Hooks that fork, ignore signals, flood or hang: they are terminated in time, with all their
 * processes.
 */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { within } from "../support/deadline.ts";
import { admin, type Entry, hookRuns, HooksFolder } from "../support/hooks_folder.ts";
import { exited, isAlive } from "../support/process/processes.ts";
import { writtenText } from "../support/process/temp_folder.ts";

/** Starts a process tree that ignores TERM, writes its process ids to `pids`, and never exits. */
const processTree = (pids: string) =>
  `trap "" TERM
sleep 600 & echo $! >> ${pids}
(sleep 600 & echo $! >> ${pids}; sh -c 'echo $$ >> ${pids}; while :; do sleep 600; done') &
echo $$ >> ${pids}
until [ "$(wc -l < ${pids})" -ge 4 ]; do sleep 0.02; done; echo ready > ${pids}.ready
while :; do sleep 600; done`;

const bad: readonly Entry[] = [
  { name: "forks", command: processTree("forks") },
  { name: "floods", command: "echo $$ >> floods; yes 'a gigabyte of this' & yes >&2" },
  { name: "hangs", command: "echo $$ >> hangs; exec sleep 600" },
  {
    name: "daemon",
    command: `trap "" HUP TERM; nohup sleep 600 >/dev/null 2>&1 & echo $! >> daemon; exit 0`,
  },
].map((entry) => ({ event: "message:received", timeout: 1.5, ...entry }));

/** The process ids that hooks have written to files of these names. */
function pidsOf(folder: HooksFolder, ...names: readonly string[]): readonly number[] {
  const pids = names.flatMap((name) => folder.lines(name).map(Number));
  for (const pid of pids) assert.ok(pid > 1, `a process id: ${pid}`);
  return pids;
}

Deno.test("bad hooks are terminated on time with all their processes, and no turn waits for them", async () => {
  await using folder = new HooksFolder(bad);
  await using gateway = await folder.start();
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  const id = adapter.say("Hello");
  assert.equal((await adapter.replyTo(id)).terminal.content, "Hello");
  for (let index = 0; index < 20; index++) {
    const channelId = `channel-${index}`;
    await adapter.replyTo(adapter.say("Anybody?", { channelId, userId: channelId }));
  }
  const { hooks } = await gateway.health() as { readonly hooks: { readonly running: number } };
  const results = await hookRuns(gateway, "forks", 1);
  const [floods] = await hookRuns(gateway, "floods", 1);
  const [hangs] = await hookRuns(gateway, "hangs", 1);
  const [daemon] = await hookRuns(gateway, "daemon", 1);
  // All turns were over before any of these.
  assert.ok(hooks.running >= 3, `${hooks.running} hooks ran`);
  const late = "it took longer than 1.5 seconds and was killed";
  for (const run of [results[0]!, floods!, hangs!]) {
    assert.equal(run.error, late, run.name);
    assert.equal(run.exit_code, null);
    assert.ok(run.duration_ms! < 15_000, `${run.name}: ${run.duration_ms} ms`);
  }
  assert.match(floods!.output!, /\[\d+ bytes truncated\]/);
  assert.ok(floods!.output!.length < 17_000);
  assert.deepEqual([daemon!.exit_code, daemon!.error], [0, null]);
  // Each was started again for the next message; only the processes of the first run count.
  const first = [
    ...pidsOf(folder, "forks").slice(0, 4),
    ...["floods", "hangs", "daemon"].flatMap((name) => pidsOf(folder, name).slice(0, 1)),
  ];
  assert.equal(first.length, 7);
  for (const pid of first) await exited(pid, 3_000);
  // Once disabled, they finish what they are doing.
  folder.writeHooks(bad.map((entry) => ({ ...entry, enabled: false })));
  await admin(gateway, "/reload", {});
  const idle = async () => {
    for (;;) {
      const { hooks } = await gateway.health() as { readonly hooks: { readonly running: number } };
      if (hooks.running === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await within(idle(), { what: "the end of the bad hooks" });
  for (const pid of pidsOf(folder, "forks", "floods", "hangs", "daemon")) await exited(pid, 3_000);
});

Deno.test("a killed gateway leaves no hook processes behind", async () => {
  await using folder = new HooksFolder([{
    name: "forks",
    event: "gateway:startup",
    command: processTree("pids"),
    timeout: 600,
  }]);
  await using gateway = await folder.start();
  await writtenText(folder.file("pids.ready"));
  await gateway.kill("SIGKILL");
  const pids = pidsOf(folder, "pids");
  assert.equal(pids.length, 4);
  for (const pid of pids) await exited(pid, 10_000);
});

Deno.test("a stopping gateway terminates hanging hooks and runs its shutdown hooks", async () => {
  await using folder = new HooksFolder([
    { name: "forks", event: "gateway:startup", command: processTree("pids"), timeout: 600 },
    { name: "last", event: "gateway:shutdown", command: "sleep 0.5; echo last > last" },
  ]);
  await using gateway = await folder.start();
  await using _adapter = await AdapterClient.connect({ url: gateway.url });
  await writtenText(folder.file("pids.ready"));
  const status = await within(gateway.kill("SIGTERM"), { what: "the end", timeoutMs: 20_000 });
  assert.equal(status.code, 0);
  assert.deepEqual(folder.lines("last"), ["last"]);
  for (const pid of pidsOf(folder, "pids")) assert.equal(await isAlive(pid), false, `${pid}`);
});

Deno.test("a hanging test run of a hook does not block the shutdown", async () => {
  await using folder = new HooksFolder([
    { name: "forks", event: "tool:error", command: processTree("pids"), timeout: 600 },
  ]);
  await using gateway = await folder.start();
  await using _adapter = await AdapterClient.connect({ url: gateway.url });
  const trying = admin(gateway, "/hooks/forks/test", {}).catch(() => "cut off");
  await writtenText(folder.file("pids.ready"));
  const status = await within(gateway.kill("SIGTERM"), { what: "the end", timeoutMs: 25_000 });
  assert.equal(status.code, 0);
  await trying;
  for (const pid of pidsOf(folder, "pids")) await exited(pid, 3_000);
});
