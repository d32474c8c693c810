import assert from "node:assert/strict";
import { join } from "node:path";
import { AdapterClient } from "../../support/adapter/client.ts";
import { askAdmin } from "../../support/admin_request.ts";
import { GatewayProcess } from "../../support/process/gateway_process.ts";
import { badServer } from "../../support/mcp/mcp_folder.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

const both = "ops-and-adapter";
const secretsFile = JSON.stringify({
  secrets: [
    { name: "ops", secret: both, scopes: ["adapter", "admin"] },
    { name: "bot", secret: "of-the-other", scopes: ["adapter"] },
  ],
});

Deno.test("changes and access to what people said are audited, without secrets", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(join(folder.path, "secrets.yaml"), secretsFile);
  const mcpServers = { good: badServer("good") };
  await Deno.writeTextFile(join(folder.path, "mcp.json"), JSON.stringify({ mcpServers }));
  await using gateway = await GatewayProcess.start({ cwd: folder.path });
  await using ops = await AdapterClient.connect({ url: gateway.url, nodeId: "desk", secret: both });
  const ask = async (adapter: AdapterClient, frame: Readonly<Record<string, unknown>>) => {
    const request_id = crypto.randomUUID();
    adapter.send({ ...frame, request_id });
    return await adapter.waitFor((found) => found.request_id === request_id);
  };
  // Nothing listens there: failures are audited, too.
  const source = "http://127.0.0.1:9/mcp?key=hidden-in-url";
  await ask(ops, { type: "mcp_install", source, name: "web" });
  await ask(ops, { type: "mcp_install", source: "false --key hidden-in-command", name: "tool" });
  await ask(ops, { type: "mcp_enable", server_name: "good", enabled: false });
  await ask(ops, { type: "mcp_uninstall", server_name: "good" });
  await ask(ops, { type: "mcp_list" });
  await using bot = await AdapterClient.connect({
    url: gateway.url,
    nodeId: "bot",
    secret: "of-the-other",
  });
  assert.equal((await ask(bot, { type: "mcp_restart", server_name: "tool" })).code, "unauthorized");
  for (const path of ["/sessions", "/sessions/x/export", "/memory?user=discord:1", "/hooks"]) {
    await askAdmin(gateway, path, { secret: both });
  }
  await gateway.kill("SIGTERM");
  const record = gateway.log.filter((line) =>
    line.includes("admin.audit") || /admin·audit/.test(line)
  )
    .map((line) => JSON.parse(line).message as string);
  const of = (pattern: RegExp) => record.filter((line) => pattern.test(line)).length;
  assert.equal(of(/ops \(adapter desk\).*mcp_install.*web/), 1, record.join("\n"));
  assert.equal(of(/mcp_install.*tool.*failed/), 1);
  assert.equal(of(/mcp_enable.*good.*done/), 1);
  assert.equal(of(/mcp_uninstall.*good.*done/), 1);
  assert.equal(of(/mcp_list/), 0);
  assert.equal(of(/Rejected.*mcp_restart.*bot \(adapter bot\)/), 1);
  assert.equal(of(/ops.*GET.*\/admin\/sessions\b/), 2);
  assert.equal(of(/ops.*GET.*\/admin\/memory\b/), 1);
  assert.equal(of(/\/admin\/hooks/), 0);
  assert.doesNotMatch(gateway.log.join("\n"), /hidden-in/);
});
