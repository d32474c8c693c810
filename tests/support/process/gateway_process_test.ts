import assert from "node:assert/strict";
import { AdapterClient } from "../adapter/client.ts";
import { GatewayProcess } from "./gateway_process.ts";
import { LlmServer } from "../llm/server.ts";
import { TempFolder } from "./temp_folder.ts";

Deno.test("a gateway can be started, used, killed and started again", async () => {
  await using llm = LlmServer.start();
  await using data = new TempFolder();
  const env = { OPENAI_API_KEY: "key", OPENAI_BASE_URL: llm.url };
  for (const text of ["first", "second"]) {
    await using gateway = await GatewayProcess.start({ dataDir: data.path, env });
    assert.equal((await gateway.health()).status, "ok");
    await using client = await AdapterClient.connect({ url: gateway.url });
    llm.reply({ text });
    assert.equal((await client.replyTo(client.say("Hello"))).text, text);
    assert.equal((await gateway.kill()).signal, "SIGKILL");
    assert.equal((await client.closed).code, 1006);
  }
});

Deno.test("a gateway that does not start rejects with its output", async () => {
  await assert.rejects(GatewayProcess.start({ args: ["--nonsense"] }), /it said:\n.*--nonsense/s);
});
