/**
 * Drives the compiled program from an empty folder, with no Deno on the PATH: a conversation, a
 * kill -9 in the middle of a turn and the reply after the restart, MCP servers, systemd's protocol, backup
 * and restore, an orderly end. `.ci/run` calls it
 * with the program's path in CLARA_TEST_BINARY.
 */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AdapterClient } from "../tests/support/adapter_client.ts";
import { EverythingServer } from "../tests/support/everything_server.ts";
import { LlmServer } from "../tests/support/llm_server.ts";
import { badServer, toolTexts } from "../tests/support/mcp_folder.ts";
import { NotifyListener } from "../tests/support/notify_listener.ts";
import { TempFolder } from "../tests/support/temp_folder.ts";

const binary = Deno.env.get("CLARA_TEST_BINARY");
if (!binary) throw new Error("Set CLARA_TEST_BINARY to the path of the compiled program");

interface Running extends AsyncDisposable {
  readonly url: string;
  readonly child: Deno.ChildProcess;
}

/** Starts the program; resolves when it has logged its address. */
async function start(folder: string, env: Record<string, string> = {}): Promise<Running> {
  const child = new Deno.Command(binary!, {
    args: ["--port", "0", "--data-dir", `${folder}/data`],
    cwd: folder,
    clearEnv: true,
    env: { HOME: folder, PATH: "/usr/bin:/bin", CLARA_LOG_FORMAT: "json", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const reading = (async () => {
    let log = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += text;
      const address = /"address":"([^"]+)"/.exec(log)?.[1];
      if (address) resolve(address);
    }
    reject(new Error(`The program ended before it listened:\n${log}`));
  })();
  const address = await promise;
  return {
    url: `ws://${address}`,
    child,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
      await reading;
    },
  };
}

Deno.test("the binary holds a conversation on the echo model and ends in order", async () => {
  await using folder = new TempFolder("clara_binary_");
  await using running = await start(folder.path);
  await using adapter = await AdapterClient.connect({ url: running.url });
  const { text, terminal } = await adapter.replyTo(adapter.say("Hello from the binary"));
  assert.equal(text, "Hello from the binary");
  assert.equal(terminal.type, "response_end");
  const health = await (await fetch(`${running.url.replace("ws", "http")}/health`)).json();
  assert.equal(health.status, "ok");
  running.child.kill("SIGTERM");
  assert.equal((await running.child.status).code, 0);
});

Deno.test("the binary calls tools of a real HTTP model, and finishes a turn after kill -9", async () => {
  await using folder = new TempFolder("clara_binary_");
  await using llm = await LlmServer.start();
  llm.reply(
    { toolCalls: [{ name: "create_file", arguments: { filename: "a.txt", content: "hi" } }] },
    { text: ["never ", "ends"], hang: "mid-stream" },
    { text: "done" },
  );
  const env = { OPENAI_BASE_URL: llm.url };
  const nodeId = "binary-adapter";
  let requestId: string;
  {
    await using running = await start(folder.path, env);
    await using adapter = await AdapterClient.connect({ url: running.url, nodeId });
    requestId = adapter.say("Make me a file");
    await adapter.waitFor(({ content }) => content?.includes("never") ?? false);
  }
  await using running = await start(folder.path, env);
  await using adapter = await AdapterClient.connect({ url: running.url, nodeId });
  const { terminal } = await adapter.replyTo(requestId);
  assert.equal(terminal.type, "response_end");
  assert.equal(terminal.content, "done");
  assert.equal(terminal.tool_count, 1);
  const files = terminal.files as readonly { readonly content_base64: string }[];
  assert.equal(atob(files[0]!.content_base64), "hi");
  const last = (await llm.request(2)).body.messages;
  assert.equal(last.filter(({ role }) => role === "tool").length, 1);
  assert.equal(llm.requests.length, 3);
});

Deno.test("the binary uses MCP servers over all transports, also one that was started anew", async () => {
  await using folder = new TempFolder("clara_binary_");
  await using llm = await LlmServer.start();
  await using sse = await EverythingServer.start("sse");
  const http = await EverythingServer.start("streamableHttp");
  const port = Number(new URL(http.url).port);
  const mcpServers = { stdio: badServer(), http: { url: http.url }, sse: { url: sse.url } };
  await Deno.writeTextFile(`${folder.path}/mcp.json`, JSON.stringify({ mcpServers }));
  await using running = await start(folder.path, { OPENAI_BASE_URL: llm.url });
  await using adapter = await AdapterClient.connect({ url: running.url });
  const call = async (...names: readonly string[]) => {
    const from = llm.requests.length;
    const toolCalls = names.map((name) => ({ name, arguments: { message: "hi", text: "hi" } }));
    llm.reply({ toolCalls }, { text: "done" });
    const { terminal } = await adapter.replyTo(adapter.say("Go"), { timeoutMs: 30_000 });
    assert.equal(terminal.content, "done");
    return toolTexts(llm.requests[from + 1]!.body);
  };
  const texts = await call("stdio__garbage", "http__echo", "sse__echo");
  assert.deepEqual(texts, ["said", "Echo: hi", "Echo: hi"]);
  await http[Symbol.asyncDispose]();
  await using _again = await EverythingServer.start("streamableHttp", port);
  assert.match((await call("http__echo"))[0]!, /hi/);
});

Deno.test("the binary tells systemd how it is, and backs up and restores its store", async () => {
  await using folder = new TempFolder("clara_binary_");
  await using manager = new NotifyListener(`${folder.path}/notify`);
  const at = (name: string) => `${folder.path}/${name}`;
  const command = async (...args: readonly string[]) => {
    const { code, stderr } = await new Deno.Command(binary!, { args: [...args] }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  };
  {
    await using running = await start(folder.path, {
      NOTIFY_SOCKET: manager.name,
      WATCHDOG_USEC: "200000",
    });
    await manager.waitForLine("READY=1");
    await manager.waitForLine("WATCHDOG=1");
    await using adapter = await AdapterClient.connect({ url: running.url });
    await adapter.replyTo(adapter.say("Keep this"));
    await command("backup", at("copy.db"), "--data-dir", at("data"));
    running.child.kill("SIGTERM");
    await manager.waitForLine("STOPPING=1");
    assert.equal((await running.child.status).code, 0);
  }
  await command("restore", at("copy.db"), "--data-dir", at("other"));
  const copy = new DatabaseSync(at("other/gateway.db"), { readOnly: true });
  const lines = copy.prepare("SELECT content FROM history ORDER BY id").all();
  copy.close();
  assert.deepEqual(lines.map(({ content }) => content), ["Keep this", "Keep this"]);
});
