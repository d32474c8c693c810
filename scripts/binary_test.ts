/**
 * Tests the compiled program from an empty folder, without Deno on the PATH. `.ci/run` sets
 * CLARA_TEST_BINARY to the path of the program.
 */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { AdapterClient } from "../tests/support/adapter/client.ts";
import { lastText, textOf } from "../tests/support/llm/chat_request.ts";
import { CommandFolder } from "../tests/support/process/command_folder.ts";
import { EverythingServer } from "../tests/support/mcp/everything_server.ts";
import { LlmServer } from "../tests/support/llm/server.ts";
import { badServer, offeredTools, toolResults } from "../tests/support/mcp/mcp_folder.ts";
import { NotifyListener } from "../tests/support/process/notify_listener.ts";

if (!Deno.env.has("CLARA_TEST_BINARY")) {
  throw new Error("Set CLARA_TEST_BINARY to the path of the compiled program");
}

/**
 * Creates an empty folder to run the program in. The memory is off by default, because it would call the
 * model in the background and consume replies that a test has queued.
 */
function emptyFolder(): CommandFolder {
  return new CommandFolder({
    PATH: "/usr/bin:/bin",
    CLARA_LOG_FORMAT: "json",
    CLARA_MEMORY: "off",
  });
}

/** Starts the gateway; resolves once it has logged its address. */
async function start(folder: CommandFolder, env: Readonly<Record<string, string>> = {}) {
  const gateway = folder.spawn([], { env });
  try {
    const address = /"address":"([^"]+)"/;
    const url = `ws://${address.exec(await gateway.waitForLine(address))![1]}`;
    return Object.assign(gateway, { url });
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs a command; returns its output. */
async function command(
  folder: CommandFolder,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, out, err } = await folder.run(words, { env });
  assert.equal(code, 0, err);
  return out;
}

Deno.test("the binary holds a conversation with the echo model and stops cleanly", async () => {
  await using folder = emptyFolder();
  await using running = await start(folder);
  await using adapter = await AdapterClient.connect({ url: running.url });
  const { text, terminal } = await adapter.replyTo(adapter.say("Hello from the binary"));
  assert.equal(text, "Hello from the binary");
  assert.equal(terminal.type, "response_end");
  const health = await (await fetch(`${running.url.replace("ws", "http")}/health`)).json();
  assert.equal(health.status, "ok");
  assert.equal((await running.kill("SIGTERM")).code, 0);
});

Deno.test("the binary calls tools for a model over HTTP, and finishes a turn after kill -9", async () => {
  await using folder = emptyFolder();
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
    await using running = await start(folder, env);
    await using adapter = await AdapterClient.connect({ url: running.url, nodeId });
    requestId = adapter.say("Make me a file");
    await adapter.waitFor(({ content }) => content?.includes("never") ?? false);
  }
  await using running = await start(folder, env);
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

Deno.test("the binary remembers a fact from one turn in the next", async () => {
  await using folder = emptyFolder();
  await using llm = await LlmServer.start();
  const fact = "The user has a cat called Byron.";
  llm.when(
    (body) => lastText(body).includes('"user_said":"I have a cat'),
    { text: JSON.stringify({ facts: [{ text: fact }] }) },
  );
  await using running = await start(folder, {
    OPENAI_BASE_URL: llm.url,
    CLARA_MEMORY: "embedded",
  });
  await using adapter = await AdapterClient.connect({ url: running.url });
  await adapter.replyTo(adapter.say("I have a cat called Byron"));
  const health = `${running.url.replace("ws", "http")}/health`;
  while ((await (await fetch(health)).json()).memory.waiting > 0);
  await adapter.replyTo(adapter.say("What is my cat called?"));
  const turn = await llm.waitForRequest((body) => lastText(body) === "What is my cat called?");
  assert.ok(textOf(turn.body.messages[0]!).includes(fact));
});

Deno.test("the binary uses MCP servers over all transports, and reconnects to a restarted one", async () => {
  await using folder = emptyFolder();
  await using llm = await LlmServer.start();
  await using sse = await EverythingServer.start("sse");
  const http = await EverythingServer.start("streamableHttp");
  const port = Number(new URL(http.url).port);
  const mcpServers = { stdio: badServer(), http: { url: http.url }, sse: { url: sse.url } };
  await Deno.writeTextFile(`${folder.path}/mcp.json`, JSON.stringify({ mcpServers }));
  await using running = await start(folder, { OPENAI_BASE_URL: llm.url });
  await using adapter = await AdapterClient.connect({ url: running.url });
  const call = async (...names: readonly string[]) => {
    const from = llm.requests.length;
    const toolCalls = names.map((name) => ({ name, arguments: { message: "hi", text: "hi" } }));
    llm.reply({ toolCalls }, { text: "done" });
    const { terminal } = await adapter.replyTo(adapter.say("Go"), { timeoutMs: 30_000 });
    assert.equal(terminal.content, "done");
    return toolResults(llm.requests[from + 1]!.body);
  };
  const texts = await call("stdio__garbage", "http__echo", "sse__echo");
  assert.deepEqual(texts, ["said", "Echo: hi", "Echo: hi"]);
  await http[Symbol.asyncDispose]();
  await using _again = await EverythingServer.start("streamableHttp", port);
  assert.match((await call("http__echo"))[0]!, /hi/);
});

Deno.test("the binary notifies systemd, and backs up and restores its store", async () => {
  await using folder = emptyFolder();
  await using manager = new NotifyListener(`${folder.path}/notify`);
  const at = (name: string) => `${folder.path}/${name}`;
  {
    await using running = await start(folder, {
      NOTIFY_SOCKET: manager.name,
      WATCHDOG_USEC: "200000",
    });
    await manager.waitForLine("READY=1");
    await manager.waitForLine("WATCHDOG=1");
    await using adapter = await AdapterClient.connect({ url: running.url });
    await adapter.replyTo(adapter.say("Keep this"));
    await command(folder, ["backup", at("copy.db"), "--data-dir", at("data")]);
    const ended = running.kill("SIGTERM");
    await manager.waitForLine("STOPPING=1");
    assert.equal((await ended).code, 0);
  }
  await command(folder, ["restore", at("copy.db"), "--data-dir", at("other")]);
  const copy = new DatabaseSync(at("other/gateway.db"), { readOnly: true });
  const lines = copy.prepare("SELECT content FROM history ORDER BY id").all();
  copy.close();
  assert.deepEqual(lines.map(({ content }) => content), ["Keep this", "Keep this"]);
});

/** TypeScript syntax of all kinds in one file. */
const typed = `
import type { Gateway, HookEvent } from "../src/automation/plugins/plugin.ts";
import { Plugin } from "../src/automation/plugins/plugin.ts";
import { basename, type ParsedPath } from "node:path";

enum Mood { Good = "good", Bad = "bad" }
const enum Level { Low = 1, High }
declare const nowhere: string;
interface Box<T> { readonly value: T }
type Keys<T> = { [K in keyof T]?: T[K] };
abstract class Base<T extends object> {
  constructor(protected readonly inner: T, private count = 0) {}
  abstract name(): string;
  next(): number { return ++this.count; }
}
class Counter extends Base<Box<string>> implements Box<string> {
  override name(): string { return this.inner.value; }
  get value() { return this.inner.value!; }
}
function first<const T>(list: readonly T[]): T | undefined;
function first<T>(list: readonly T[]): T | undefined { return list[0]; }
const options = { timeout: 5 } as const satisfies Keys<{ timeout: number }>;
const counter = new Counter({ value: "counted" });

const plugin: Plugin = (gateway: Gateway): void => {
  gateway.hook("message:sent", (event: HookEvent<"message:sent">, { signal }) => {
    const text = <string> event.data.content;
    gateway.log.info(\`typed \${Mood.Good} \${Level.High} \${text} \${signal?.aborted}\`);
  }, options);
  gateway.tool({
    name: "count_up",
    description: "Counts",
    parameters: { type: "object", properties: { by: { type: "number" } }, required: ["by"] },
    run: async ({ by }: { by?: unknown }) =>
      \`\${first([counter.name()])} \${counter.next() + (by as number)} \${basename("/a/b.c")}\`,
  });
};
export default plugin;
`;

const files: Readonly<Record<string, string>> = {
  "hooks/hooks.yaml": `
hooks:
  - name: shell
    event: message:sent
    command: echo "\${CLARA_USER_ID} got \${CLARA_CONTENT}"; command -v deno || echo "no Deno"`,
  "hooks/typed.ts": typed,
  "hooks/plain.js": `
import { word } from "./lib/word.js";
export default (gateway) => {
  gateway.hook("session:start", ({ user_id }) => gateway.log.info(word + user_id));
  gateway.scheduled({ name: "in code", type: "interval", interval: 1 }, () => gateway.log.info("ticks"));
};`,
  "hooks/lib/word.js": 'export const word = "plain hello ";',
  "hooks/broken.ts": "export default (gateway: Gateway => {",
  "hooks/relative.ts": 'import { word } from "./lib/word.js"; export default () => word;',
  "hooks/throws.ts": "export default () => {\n  throw new Error('on its line');\n};",
  "scheduler.yaml": `
tasks:
  - { name: tick, type: interval, interval: 1, command: 'echo "$CLARA_TASK_NAME at $CLARA_FIRE_AT"' }`,
};

Deno.test("the binary runs hooks, tasks and plugins, also in TypeScript, and shows their results", async () => {
  await using folder = emptyFolder();
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(`${folder.path}/hooks/lib`, { recursive: true });
    await Deno.writeTextFile(`${folder.path}/${name}`, text);
  }
  await using llm = await LlmServer.start();
  llm.reply({ toolCalls: [{ name: "count_up", arguments: { by: 41 } }] }, { text: "Counted." });
  await using running = await start(folder, { OPENAI_BASE_URL: llm.url });
  const logged = (pattern: RegExp) => running.waitForLine(pattern);
  await logged(/Cannot load plugin .*broken\.ts/);
  // The error names the file instead of quoting the whole module.
  await logged(
    /Cannot load plugin .*relative\.ts.*"\.\/lib\/word\.js\\".* from .*\/hooks\/relative\.ts/,
  );
  await logged(/Cannot load plugin .*throws\.ts.*on its line/);
  await using adapter = await AdapterClient.connect({ url: running.url });
  await adapter.replyTo(adapter.say("Count", { userId: "Ada" }));
  assert.ok(offeredTools(llm.requests[0]!.body).includes("count_up"));
  assert.deepEqual(toolResults(llm.requests[1]!.body), ["counted 42 b.c"]);
  await logged(/plain hello Ada/);
  await logged(/typed good 2 Counted\. false/);
  await logged(/"text":"ticks"/);
  await logged(/Task \\"tick\\" finished/);

  const at = ["--url", running.url];
  const list = await command(folder, ["hooks", "list", ...at]);
  for (const source of ["hooks.yaml", "typed.ts", "plain.js"]) {
    assert.ok(list.includes(source), list);
  }
  const results = ["hooks", "results", "shell"];
  const shown = await command(folder, [...results, ...at]);
  assert.match(shown, /shell {2}for message:sent {2}ok .*\n {4}Ada got Counted\.\n {4}no Deno\n$/);
  const ticks = await command(folder, ["tasks", "results", "tick", ...at]);
  assert.match(ticks, /^(\S+Z {2}tick {2}for (\S+Z) {2}ok .*\n {4}tick at \2\n)+$/);
  assert.equal((await running.kill("SIGTERM")).code, 0);
  // Without a gateway the stored results are shown.
  assert.equal(await command(folder, results, { CLARA_GATEWAY_PORT: "9" }), shown);
});
