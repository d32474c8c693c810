/** Stopping a gateway under load: no new turns start, running ones finish or are put back. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { GatewayProcess, startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { isTerminal } from "../support/adapter/received_frame.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const nodeId = "adapter-1";
const channels = 50;
const waitingEach = 4;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(
    `fault 29: ${signal} with ${channels} running and ${
      channels * waitingEach
    } queued turns exits with 0 in time, and each is answered once`,
    async () => {
      await using llm = LlmServer.start();
      await using folder = new TempFolder();
      const gate = new Gate();
      // Every second running turn never ends by itself; the others end within the drain time.
      llm.when((request) => lastText(request) === "stuck", { text: "Begun", hang: "mid-stream" })
        .when((request) => lastText(request) === "slow", {
          text: ["to ", "the ", "end"],
          chunkDelayMs: 100,
        });
      const env = {
        CLARA_DRAIN_SECONDS: "2",
        CLARA_MAX_USER_MESSAGES_PER_MINUTE: "10000",
      };
      await using stopped = await startGateway(llm, folder, env);
      const before = await AdapterClient.connect({ url: stopped.url, nodeId });
      const ids: string[] = [];
      for (let channel = 0; channel < channels; channel++) {
        const channelId = `${channel}`;
        ids.push(before.say(channel % 2 ? "stuck" : "slow", { channelId }));
        for (let index = 0; index < waitingEach; index++) {
          ids.push(before.say(`waiting ${index}`, { channelId }));
        }
      }
      await llm.request(channels - 1);
      await before.waitFor(() =>
        before.frames.filter(({ type }) => type === "status").length === 200
      );
      const startedAt = performance.now();
      const ended = stopped.kill(signal);
      await before.waitFor(({ type }) => type === "going_away");
      gate.open();
      const late = before.say("too late", { channelId: "late" });
      assert.equal((await before.replyTo(late)).terminal.code, "shutting_down");
      assert.equal((await ended).code, 0);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 12_000, `it took ${tookMs} ms`);
      await before.closed;
      await before.close();
      const finished = ids.filter((id) => before.framesOf(id).some(isTerminal));
      assert.ok(
        finished.length > 0 && finished.length <= channels / 2,
        `${finished.length} finished`,
      );

      llm.when(() => true, {});
      await using next = await LlmServer.start();
      await using gateway = await GatewayProcess.start({
        dataDir: folder.path,
        env: { ...env, OPENAI_BASE_URL: next.url },
      });
      await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
      const rest = ids.filter((id) => !finished.includes(id));
      for (const id of rest) {
        const { terminal } = await adapter.replyTo(id, { timeoutMs: 30_000 });
        assert.equal(terminal.type, "response_end");
      }
      await adapter.ping();
      assert.equal(adapter.frames.filter(isTerminal).length, rest.length);
    },
  );
}

Deno.test("fault 29: SIGHUP under load reloads the hooks and breaks no turn", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  const hooks = `${folder.path}/hooks`;
  await Deno.mkdir(hooks);
  await Deno.writeTextFile(`${hooks}/hooks.yaml`, "hooks: []\n");
  llm.when(() => true, { text: ["one ", "two ", "three"], chunkDelayMs: 20 });
  await using gateway = await GatewayProcess.start({
    dataDir: `${folder.path}/data`,
    env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url, CLARA_HOOKS_DIR: hooks },
  });
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  const ids = Array.from(
    { length: 20 },
    (_, index) => adapter.say("Count", { channelId: `${index}` }),
  );
  await adapter.waitFor(({ type }) => type === "response_chunk");
  await Deno.writeTextFile(
    `${hooks}/hooks.yaml`,
    "hooks:\n  - { name: said, event: message:sent, command: 'echo heard' }\n",
  );
  Deno.kill(gateway.pid, "SIGHUP");
  await gateway.waitForLog(/Reloaded .*hooks\.yaml/);
  for (const id of ids) assert.equal((await adapter.replyTo(id)).text, "one two three");
});
