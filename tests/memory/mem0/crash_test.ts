/** A gateway killed while mem0 learns: each exchange is stored exactly once. */

import assert from "node:assert/strict";
import { AdapterClient } from "../../support/adapter/client.ts";
import { GatewayProcess } from "../../support/process/gateway_process.ts";
import { LlmServer } from "../../support/llm/server.ts";
import { isAdd, type Mem0Fault, Mem0Server } from "../../support/mem0_server.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

const place = { channelId: "general", channel_type: "server" } as const;

async function testCrash(
  api: "hosted" | "self-hosted",
  fault: Omit<Mem0Fault, "applies">,
): Promise<Mem0Server> {
  const mem0 = Mem0Server.start(api);
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  const options = {
    dataDir: folder.path,
    env: {
      OPENAI_API_KEY: "test-key",
      OPENAI_BASE_URL: llm.url,
      CLARA_MEMORY: "mem0",
      MEM0_API_KEY: mem0.key,
      MEM0_BASE_URL: mem0.url,
      MEM0_API: api,
    },
  };
  mem0.fail({ applies: isAdd, ...fault });
  await using killed = await GatewayProcess.start(options);
  await using before = await AdapterClient.connect({ url: killed.url, nodeId: "node-1" });
  await before.replyTo(before.say("I row on Sundays", place));
  await mem0.request(isAdd);
  await killed.kill();

  mem0.recover();
  await using gateway = await GatewayProcess.start(options);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "node-1" });
  await adapter.replyTo(adapter.say("I have a cat", place));
  await mem0.requests.waitFor((request) =>
    isAdd(request) && JSON.stringify(request.body).includes("cat")
  );
  for (;;) {
    const { memory } = await gateway.health() as { readonly memory: { readonly waiting: number } };
    if (memory.waiting === 0) return mem0;
  }
}

for (const api of ["hosted", "self-hosted"] as const) {
  Deno.test(`an exchange that mem0 (${api}) stored before the gateway was killed is not sent again`, async () => {
    await using mem0 = await testCrash(api, { hangs: true, performs: true });
    assert.deepEqual(mem0.memories.map(({ memory }) => memory).sort(), [
      "I have a cat",
      "I row on Sundays",
    ]);
    assert.equal(mem0.adds.length, 2);
  });

  Deno.test(`an exchange that mem0 (${api}) had not stored when the gateway was killed is sent again`, async () => {
    await using mem0 = await testCrash(api, { hangs: true });
    assert.deepEqual(mem0.memories.map(({ memory }) => memory).sort(), [
      "I have a cat",
      "I row on Sundays",
    ]);
    assert.equal(mem0.adds.length, 3);
  });
}
