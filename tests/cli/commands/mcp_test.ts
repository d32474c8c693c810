/** The command `mcp` as a process, with and without a running gateway. */

import assert from "node:assert/strict";
import {
  type CommandOptions,
  type CommandResult,
  program,
  runCommand,
} from "../../support/process/command_process.ts";
import { installNpmServers, npmServer, packageOf } from "../../support/mcp/everything_server.ts";
import { badServer, McpFolder } from "../../support/mcp/mcp_folder.ts";
import { OAuthMcpServer } from "../../support/mcp/oauth_server.ts";
import { exited } from "../../support/process/processes.ts";
import { TestGateway } from "../../support/test_gateway.ts";
import { lacks } from "../../support/process/programs.ts";

/** Runs `mcp`; without a URL, no gateway is running. */
function mcp(
  folder: McpFolder,
  words: readonly string[],
  { url, env = {} }: Pick<CommandOptions, "url" | "env"> = {},
): Promise<CommandResult> {
  const where = ["--mcp-config", folder.mcpFile, ...(url ? ["--url", url] : [])];
  return runCommand(["mcp", ...where, ...words], {
    cwd: folder.path,
    env: { CLARA_DATA_DIR: folder.path, ...env },
  });
}

function commandOf(entry: object): readonly string[] {
  const { command, args } = entry as { command: string; args: readonly string[] };
  return ["--", command, ...args];
}

Deno.test(
  "a tool of a server from npm is called, and its result printed",
  { ignore: lacks("npx") },
  async () => {
    await installNpmServers();
    await using folder = new McpFolder({ everything: npmServer("everything") });
    const called = await mcp(folder, ["call", "everything", "echo", '{"message":"hi"}']);
    assert.deepEqual([called.code, called.out], [0, "Echo: hi"]);
  },
);

Deno.test("without a gateway, servers are listed, added, enabled, disabled and removed", async () => {
  await using folder = new McpFolder();
  assert.match((await mcp(folder, ["list"])).out, /no MCP servers/);
  const added = await mcp(folder, ["add", "--name", "mine", ...commandOf(badServer())]);
  assert.deepEqual([added.code, added.err], [0, ""]);
  assert.match(added.out, /^mine: added, with \d+ tools$/);
  assert.match(
    (await mcp(folder, ["tools", "mine"])).out,
    /^mine__pid {2}\(write\) {2}The tool pid$/m,
  );
  assert.equal((await mcp(folder, ["disable", "mine"])).out, "mine: disabled");
  assert.equal((await mcp(folder, ["list"])).out, "mine: disabled (stdio)");
  assert.equal((await mcp(folder, ["call", "mine", "pid"])).code, 2);
  assert.equal((await mcp(folder, ["enable", "mine"])).out, "mine: enabled");
  const [shown] = JSON.parse((await mcp(folder, ["list", "--json"])).out);
  assert.deepEqual([shown.name, shown.enabled], ["mine", true]);
  const restart = await mcp(folder, ["restart", "mine"]);
  assert.equal(restart.code, 2);
  assert.match(restart.err, /No gateway is running on .*: nothing to restart/);
  assert.equal((await mcp(folder, ["remove", "mine"])).out, "mine: removed");
  assert.deepEqual(folder.read().mcpServers, {});
});

Deno.test("a running gateway applies changes at once", { ignore: lacks("npx") }, async () => {
  await using folder = new McpFolder();
  await using gateway = await TestGateway.start({ config: folder.config });
  const running = { url: gateway.url };
  // The gateway changes its own file, not the one given here.
  await using other = new McpFolder();
  const added = await mcp(other, ["add", packageOf("everything")], running);
  assert.deepEqual([added.code, added.err], [0, ""]);
  assert.match(added.out, /^everything: added, with \d+ tools$/);
  assert.match(
    (await mcp(other, ["list"], running)).out,
    /^everything: running, \d+ tools \(stdio\)$/,
  );
  const { data } = await gateway.waitFor("adapter:disconnected");
  assert.equal("reason" in data && data.reason, "closed with 1000");
  assert.equal((await mcp(other, ["restart", "everything"], running)).out, "everything: restarted");
  assert.equal((await mcp(other, ["disable", "everything"], running)).out, "everything: disabled");
  const unknown = await mcp(other, ["remove", "nobody"], running);
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /^nobody: There is no MCP server "nobody"; there are: everything$/);
  assert.deepEqual(Object.keys(folder.read().mcpServers), ["everything"]);
  assert.deepEqual(other.read().mcpServers, {});
});

Deno.test("a refusal is reported in one line", async () => {
  await using folder = new McpFolder();
  await using gateway = await TestGateway.start({ config: { ...folder.config, secret: "right" } });
  const env = { CLARA_GATEWAY_SECRET: "wrong" };
  const { code, err } = await mcp(folder, ["list"], { url: gateway.url, env });
  assert.equal(code, 1);
  assert.match(err, /^Cannot register: wrong or missing secret\. [^\n]*$/);
  const right = { CLARA_GATEWAY_SECRET: "right" };
  assert.equal((await mcp(folder, ["list"], { url: gateway.url, env: right })).code, 0);
});

Deno.test("a failing tool is exit code 1, and no server is left behind", async () => {
  await using folder = new McpFolder({ bad: badServer("stubborn"), lost: badServer("crash") });
  const failed = await mcp(folder, ["call", "bad", "fail"]);
  assert.equal(failed.code, 1);
  assert.match(failed.err, /it did not work/);
  const lost = await mcp(folder, ["call", "lost", "pid"]);
  assert.equal(lost.code, 1);
  assert.match(lost.err, /"lost" is not running: .*own feet/s);
  const { code, out } = await mcp(folder, ["call", "bad", "pid"]);
  assert.equal(code, 0);
  await exited(Number(out), 2_000);
});

/** Runs `mcp login` as a user whose browser follows the redirects; returns the output. */
async function logIn(folder: McpFolder, env: Readonly<Record<string, string>>): Promise<string> {
  const [command = "", ...args] = program;
  const child = new Deno.Command(command, {
    args: [...args, "mcp", "--mcp-config", folder.mcpFile, "login", "s"],
    cwd: folder.path,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let [output, opened] = ["", false];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    const page = /^ +(http\S+)\n/m.exec(output)?.[1];
    if (!page || opened) continue;
    opened = true;
    await (await fetch(page)).body?.cancel();
  }
  assert.equal((await child.status).code, 0, output);
  return output;
}

Deno.test("a running gateway uses a login at once, and tells when one is missing", async () => {
  await using oauth = OAuthMcpServer.start();
  await using folder = new McpFolder({ s: { url: oauth.url } });
  await using gateway = await TestGateway.start({ config: folder.config });
  const env = { CLARA_DATA_DIR: gateway.dataDir, CLARA_GATEWAY_URL: gateway.url };
  const required = /^s: login required \(HTTP 401.*\): run "clara-gateway mcp login s" \(http\)$/;
  assert.match((await mcp(folder, ["list"], { url: gateway.url, env })).out, required);
  assert.match(await logIn(folder, env), /^s: logged in$/m);
  const running = { url: gateway.url, env };
  assert.equal((await mcp(folder, ["list"], running)).out, "s: running, 1 tools (http)");
  assert.equal((await mcp(folder, ["call", "s", "echo"], { env })).out, "echoed");
  assert.equal((await mcp(folder, ["logout", "s"], running)).out, "s: logged out");
  assert.match((await mcp(folder, ["list"], running)).out, required);
  const again = await mcp(folder, ["logout", "s"], running);
  assert.deepEqual([again.code, again.err], [2, "s: there is no login"]);
});

const misuses: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [["dance"], /Cannot use "dance" after mcp: expected one of list, add, /],
  [["add"], /Missing: what to add; see clara-gateway mcp --help/],
  [["remove"], /Missing: the server's name/],
  [["call", "bad"], /Missing: the tool's name/],
  [["call", "bad", "pid", "{"], /Cannot read the arguments: /],
  [["call", "nobody", "pid"], /There is no MCP server "nobody"; there are: bad/],
  [["list", "--nonsense"], /--nonsense.*\nTry: clara-gateway --help/s],
];

for (const [words, says] of misuses) {
  Deno.test(`mcp ${words.join(" ")} is refused with a hint`, async () => {
    await using folder = new McpFolder({ bad: badServer() });
    const { code, out, err } = await mcp(folder, words);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, says);
  });
}
