/** Managing MCP servers over the wire at run time, in both dialects. */

import assert from "node:assert/strict";
import { ConfigError } from "../../src/lib/config_error.ts";
import type { AdapterClient } from "../support/adapter/client.ts";
import { EverythingServer, packageOf } from "../support/mcp/everything_server.ts";
import { badServer, McpFolder, offeredTools, toolResults } from "../support/mcp/mcp_folder.ts";
import type { ReceivedFrame } from "../support/adapter/received_frame.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { lacks } from "../support/process/programs.ts";

interface ServerInfo {
  readonly name: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

let count = 0;

/** Sends a request about servers; returns its response. */
function ask(adapter: AdapterClient, type: string, fields: object = {}): Promise<ReceivedFrame> {
  const request_id = `mcp-${count++}`;
  adapter.send({ type, request_id, ...fields });
  return adapter.waitFor(
    (frame) => frame.type === `${type}_response` && frame.request_id === request_id,
    { timeoutMs: 60_000, what: `the answer to ${type}` },
  );
}

async function list(adapter: AdapterClient): Promise<readonly ServerInfo[]> {
  return (await ask(adapter, "mcp_list")).servers as readonly ServerInfo[];
}

function commandLine(entry: object): string {
  const { command, args } = entry as { command: string; args: readonly string[] };
  return [command, ...args].map((word) => `"${word}"`).join(" ");
}

for (const dialect of ["clara-1", "clara-py"] as const) {
  Deno.test(`servers are installed, enabled, disabled and removed over ${dialect}, permanently`, async () => {
    await using folder = new McpFolder();
    await using gateway = await TestGateway.start({ config: folder.config });
    await using adapter = await gateway.connect({ dialect });
    assert.deepEqual(await list(adapter), []);

    const source = commandLine(badServer("instructed"));
    const installed = await ask(adapter, "mcp_install", { source, name: "mine" });
    assert.equal(installed.success, true);
    assert.equal(installed.server_name, "mine");
    assert.ok(Number(installed.tools_discovered) > 5);
    const taken = await ask(adapter, "mcp_install", { source, name: "mine" });
    assert.match(String(taken.error), /There is already an MCP server "mine"/);

    gateway.llm.reply({ toolCalls: [{ name: "mine__pid", arguments: {} }] });
    await adapter.replyTo(adapter.say("Which one?"));
    const [pid] = toolResults(gateway.llm.requests[1]!.body);
    assert.equal((await ask(adapter, "mcp_restart", { server_name: "mine" })).success, true);
    gateway.llm.reply({ toolCalls: [{ name: "mine__pid", arguments: {} }] });
    await adapter.replyTo(adapter.say("And now?"));
    assert.notEqual(toolResults(gateway.llm.requests[3]!.body)[0], pid);

    const off = await ask(adapter, "mcp_enable", { server_name: "mine", enabled: false });
    assert.equal(off.enabled, false);
    assert.equal((await list(adapter))[0]!.status, "stopped");
    await adapter.replyTo(adapter.say("Without"));
    assert.ok(!offeredTools(gateway.llm.requests.at(-1)!.body).includes("mine__pid"));
    const status = await ask(adapter, "mcp_status", { server_name: "mine" });
    assert.equal((status.server as ServerInfo).enabled, false);
    assert.equal(status.total_servers, 1);
    assert.equal(status.enabled_servers, 0);
    await adapter.close();

    await gateway.restart();
    await using again = await gateway.connect({ dialect });
    assert.equal((await list(again))[0]!.enabled, false);
    const on = await ask(again, "mcp_enable", { server_name: "mine", enabled: true });
    assert.equal(on.success, true);
    assert.equal((await list(again))[0]!.status, "running");
    const removed = await ask(again, "mcp_uninstall", { server_name: "mine" });
    assert.equal(removed.success, true);
    assert.deepEqual(await list(again), []);
    assert.deepEqual(folder.read().mcpServers, {});
  });
}

Deno.test(
  "an npm package and a URL can be installed as servers",
  { ignore: lacks("npx") },
  async () => {
    await using http = await EverythingServer.start("streamableHttp");
    await using folder = new McpFolder();
    await using gateway = await TestGateway.start({ config: folder.config });
    await using adapter = await gateway.connect();
    const npm = await ask(adapter, "mcp_install", { source: packageOf("everything") });
    assert.equal(npm.server_name, "everything");
    assert.ok(Number(npm.tools_discovered) > 5);
    const url = await ask(adapter, "mcp_install", { source: http.url, name: "remote" });
    assert.equal(url.success, true);
    const shown = (await list(adapter)).map((
      { name, source_type, transport },
    ) => [name, source_type, transport]);
    assert.deepEqual(shown, [["everything", "npm", "stdio"], ["remote", "url", "http"]]);
    assert.deepEqual(folder.read().mcpServers, {
      everything: { command: "npx", args: ["-y", packageOf("everything")] },
      remote: { url: http.url },
    });
  },
);

Deno.test("an impossible request is answered with the reason and changes nothing", async () => {
  await using folder = new McpFolder();
  await using gateway = await TestGateway.start({ config: folder.config });
  await using adapter = await gateway.connect();
  const cases: readonly (readonly [type: string, fields: object, says: RegExp])[] = [
    ["mcp_status", { server_name: "nobody" }, /no MCP server "nobody"; there are: none/],
    ["mcp_restart", { server_name: "nobody" }, /no MCP server "nobody"/],
    ["mcp_uninstall", { server_name: "nobody" }, /no MCP server "nobody"/],
    ["mcp_enable", { server_name: "nobody", enabled: true }, /no MCP server "nobody"/],
    ["mcp_install", { source: "'open" }, /the quote ' is not closed/],
    ["mcp_install", { source: "   " }, /the source is empty/],
    [
      "mcp_install",
      { source: "tool --key ${OPENAI_API_KEY}" },
      /write such an entry into the file/,
    ],
    ["mcp_install", { source: "http://" }, /Cannot use URL/],
    ["mcp_install", { source: "x y", name: "with space" }, /expected letters, digits/],
    ["mcp_install", { source: "no-such-command -x", name: "n" }, /"n" does not start: .*127/s],
    ["mcp_install", { source: commandLine(badServer("crash")), name: "c" }, /own feet/],
  ];
  for (const [type, fields, says] of cases) {
    const { success, error } = await ask(adapter, type, fields);
    assert.equal(success, false, type);
    assert.match(String(error), says);
  }
  adapter.send({ type: "mcp_install", request_id: "x" });
  const error = await adapter.waitFor(({ type }) => type === "error");
  assert.equal(error.code, "invalid_message");
  assert.deepEqual(folder.read().mcpServers, {});
  assert.deepEqual(await list(adapter), []);
});

Deno.test("variables are expanded, secrets redacted, and unknown keys of the file kept", async () => {
  await using folder = new McpFolder();
  Deno.writeTextFileSync(
    folder.mcpFile,
    JSON.stringify({
      $schema: "kept",
      mcpServers: {
        good: badServer("good", { env: { GREETING: "${WORD} ${NAME:-you}" }, note: "kept, too" }),
        lost: badServer("good", { env: { GREETING: "${NOT_SET}" } }),
      },
    }),
  );
  const environment = (name: string) => name === "WORD" ? "hello" : undefined;
  await using gateway = await TestGateway.start({ config: { ...folder.config, environment } });
  await using adapter = await gateway.connect();
  gateway.llm.reply({
    toolCalls: ["GREETING", "OPENAI_API_KEY"].map((name) => ({
      name: "good__env",
      arguments: { name },
    })),
  });
  await adapter.replyTo(adapter.say("Greet"));
  assert.deepEqual(toolResults(gateway.llm.requests[1]!.body), ["hello you", "(not set)"]);
  const lost = (await list(adapter)).find(({ name }) => name === "lost")!;
  assert.equal(lost.status, "error");
  assert.match(String(lost.last_error), /environment variable NOT_SET is not set/);
  await ask(adapter, "mcp_enable", { server_name: "good", enabled: false });
  const { $schema, mcpServers } = folder.read();
  assert.equal($schema, "kept");
  assert.deepEqual(
    mcpServers.good,
    badServer("good", {
      env: { GREETING: "${WORD} ${NAME:-you}" },
      note: "kept, too",
      enabled: false,
    }),
  );
});

const invalidFiles: readonly (readonly [name: string, json: string, says: RegExp])[] = [
  ["invalid JSON", "{", /Cannot read .*mcp\.json: /],
  [
    "an invalid name",
    '{"mcpServers":{"a b":{"command":"x"}}}',
    /"mcpServers\.a b": expected letters/,
  ],
  ["neither command nor URL", '{"mcpServers":{"a":{}}}', /"mcpServers\.a": expected either/],
  ["invalid args", '{"mcpServers":{"a":{"command":"x","args":[7]}}}', /"mcpServers\.a\.args\.0": /],
];

for (const [name, json, says] of invalidFiles) {
  Deno.test(`an mcp.json with ${name} prevents the start, and the error says where`, async () => {
    await using folder = new McpFolder();
    Deno.writeTextFileSync(folder.mcpFile, json);
    await assert.rejects(TestGateway.start({ config: folder.config }), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, says);
      return true;
    });
  });
}
