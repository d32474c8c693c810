/** Restarts of MCP servers that exit or hang. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { badServer, McpFolder, toolResults } from "../support/mcp/mcp_folder.ts";
import { exited } from "../support/process/processes.ts";
import { TestGateway } from "../support/test_gateway.ts";

Deno.test("fault 17: a server that exits again and again is restarted ever less often, and turns go on", async () => {
  await using folder = new McpFolder({
    crash: { command: "sh", args: ["-c", "echo began >&2; exit 3"] },
  });
  await using gateway = await GatewayProcess.start({ env: { CLARA_MCP_CONFIG: folder.mcpFile } });
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  for (const delay of [500, 1000, 2000]) {
    await gateway.waitForLog(new RegExp(`"crash".*"delay":${delay}\\b`), { timeoutMs: 20_000 });
    assert.equal((await adapter.replyTo(adapter.say("Hello"))).text, "Hello");
  }
  const tries = gateway.log.filter((line) => /"delay":\d+/.test(line));
  assert.ok(tries.length <= 4, `${tries.length} tries in three delays`);
});

Deno.test("fault 17: a server that hangs is detected, terminated and replaced; the other one is not affected", async () => {
  await using folder = new McpFolder({
    hung: badServer("good", { timeoutSeconds: 0.5 }),
    other: badServer(),
  });
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  const call = async (...names: readonly string[]): Promise<readonly string[]> => {
    const from = gateway.llm.requests.length;
    gateway.llm.reply(
      { toolCalls: names.map((name) => ({ name, arguments: {} })) },
      { text: "Done." },
    );
    const { terminal } = await adapter.replyTo(adapter.say("Go"), { timeoutMs: 30_000 });
    assert.equal(terminal.content, "Done.");
    return toolResults((await gateway.llm.request(from + 1)).body);
  };
  const before = await call("hung__pid", "other__pid");
  const pid = Number(before[0]);
  // It is suspended: it neither answers nor exits by itself.
  Deno.kill(pid, "SIGSTOP");
  const during = await call("hung__pid", "other__pid");
  assert.match(during[0]!, /longer than 0\.5 seconds/);
  assert.equal(during[1], before[1]);
  await exited(pid, 20_000);
  const after = await call("hung__pid", "other__pid");
  assert.match(after[0]!, /^\d+$/);
  assert.notEqual(after[0], before[0]);
  assert.equal(after[1], before[1]);
});
