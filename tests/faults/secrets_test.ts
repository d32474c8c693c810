/** Secrets never appear in the log, errors, /health, hooks' environments or the store. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { Mem0Server } from "../support/mem0_server.ts";
import { badServer, toolResults } from "../support/mcp/mcp_folder.ts";
import { TempFolder, writtenText } from "../support/process/temp_folder.ts";

/** A secret for each setting that takes one; they look like nothing else. */
const secrets = {
  gateway: "gateway-secret-6f1d",
  model: "sk-model-secret-a2c4",
  named: "named-secret-b7e3",
  admin: "admin-secret-c9d1",
  mcpEnv: "mcp-env-secret-d0f8",
  mcpHeader: "mcp-header-secret-e5a6",
  baseUrl: "base-url-secret-f3b2",
} as const;

const files = (folder: string): Readonly<Record<string, string>> => ({
  "secrets.yaml": "secrets:\n" +
    `  - { name: bot, secret: ${secrets.named} }\n` +
    `  - { name: ops, secret: ${secrets.admin}, scopes: [admin] }\n`,
  "mcp.json": JSON.stringify({
    mcpServers: {
      good: badServer("good", { env: { TOKEN: secrets.mcpEnv } }),
      crash: badServer("crash", { env: { TOKEN: secrets.mcpEnv } }),
      web: {
        url: "http://127.0.0.1:9/mcp",
        headers: { Authorization: `Bearer ${secrets.mcpHeader}` },
      },
    },
  }),
  "hooks/hooks.yaml": "hooks:\n" +
    `  - { name: dump, event: "*", command: "env >> ${folder}/environment; cat >> ${folder}/input" }\n` +
    '  - { name: fails, event: "message:*", command: "env >&2; exit 3" }\n',
});

/** Describes where the gateway's texts contain a secret. */
function leaks(where: string, text: string): readonly string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const at = text.indexOf(secret);
    return at < 0 ? [] : [`${name} in ${where}: …${text.slice(Math.max(0, at - 100), at + 40)}`];
  });
}

Deno.test("fault 28: no secret is in the log at debug, errors, /health, hooks' environments, or the store", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  for (const [name, text] of Object.entries(files(folder.path))) {
    await Deno.mkdir(join(folder.path, "hooks"), { recursive: true });
    await Deno.writeTextFile(join(folder.path, name), text);
  }
  // Providers repeat the key they reject.
  const refusal = { error: { message: `Incorrect API key provided: ${secrets.model}.` } };
  llm.when((request) => lastText(request) === "refuse", { status: 401, body: refusal })
    .when((request) => lastText(request) === "break", { status: 500, body: refusal })
    .when((request) => lastText(request) === "cut", { text: "half", cut: "reset" })
    .when(({ messages }) => messages.at(-1)!.role === "tool", { text: "Done." })
    .when((request) => lastText(request) === "peek", {
      toolCalls: ["OPENAI_API_KEY", "CLARA_GATEWAY_SECRET"].map((name) => ({
        name: "good__env",
        arguments: { name },
      })),
    });
  const url = new URL(llm.url);
  url.username = "user";
  url.password = secrets.baseUrl;
  const dataDir = join(folder.path, "data");
  await using gateway = await GatewayProcess.start({
    cwd: folder.path,
    dataDir,
    args: ["--log-level", "debug"],
    env: {
      CLARA_GATEWAY_SECRET: secrets.gateway,
      OPENAI_API_KEY: secrets.model,
      OPENAI_BASE_URL: url.href,
      PATH: Deno.env.get("PATH")!,
    },
  });
  const texts: [string, string][] = [];
  // A nearly right secret is rejected like any other and reveals nothing.
  for (const secret of [`${secrets.gateway}x`, `${secrets.named} `, secrets.admin]) {
    const refused = AdapterClient.connect({ url: gateway.url, secret });
    await assert.rejects(refused, (error: Error) => {
      texts.push(["a refusal", error.message]);
      return /unauthorized/.test(error.message);
    });
  }
  await using adapter = await AdapterClient.connect({ url: gateway.url, secret: secrets.gateway });
  for (const word of ["peek", "refuse", "break", "cut", "plain"]) {
    await adapter.replyTo(adapter.say(word), { timeoutMs: 30_000 });
  }
  const peeked = llm.requests.map(({ body }) => body).find((body) => toolResults(body).length > 0);
  assert.deepEqual(toolResults(peeked!), ["(not set)", "(not set)"]);
  for (const frame of [{ type: "mcp_list" }, { type: "mcp_status", server_name: "web" }]) {
    const from = adapter.frames.length;
    adapter.send({ ...frame, request_id: "mcp" });
    await adapter.waitFor(({ request_id }) => request_id === "mcp", { from });
  }
  const headers = { authorization: `Bearer ${secrets.admin}` };
  for (
    const path of ["/health", "/admin/hooks", "/admin/hooks/results", "/admin/tasks", "/nowhere"]
  ) {
    texts.push([path, await (await fetch(gateway.httpUrl + path, { headers })).text()]);
  }
  texts.push(["frames", JSON.stringify(adapter.frames)]);
  await writtenText(join(folder.path, "environment"));
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
  texts.push(["the log", gateway.log.join("\n")]);
  for (const name of ["environment", "input"]) {
    texts.push([`a hook's ${name}`, await Deno.readTextFile(join(folder.path, name))]);
  }
  for await (const { name } of Deno.readDir(dataDir)) {
    const bytes = await Deno.readFile(join(dataDir, name)).catch(() => new Uint8Array());
    texts.push([`the store's ${name}`, new TextDecoder("latin1").decode(bytes)]);
  }
  assert.ok(gateway.log.some((line) => line.includes('"DEBUG"')), "there are lines at debug");
  assert.deepEqual(texts.flatMap(([where, text]) => leaks(where, text)), []);
});

Deno.test("fault 28: a provider's error that repeats its key from models.yaml is redacted in the log", async () => {
  const own = {
    key: "sk-yaml-secret-1b7c",
    header: "yaml-header-secret-2e9d",
    bearer: "yaml-bearer-secret-3f0a",
    password: "yaml/pass word-4a1b",
    mem0: "mem0/pass word-5c2d",
    named: 'named/secret "6d3e',
  };
  await using llm = LlmServer.start();
  await using mem0 = Mem0Server.start("self-hosted");
  await using folder = new TempFolder();
  const repeated = Object.values(own).join(" and ");
  llm.when(() => true, { status: 401, body: { error: { message: `Wrong: ${repeated}` } } });
  mem0.fail({ applies: () => true, status: 400, body: { detail: `Wrong: ${repeated}` } });
  const withPassword = (address: string, password: string) => {
    const url = new URL(address);
    url.username = "user";
    url.password = password;
    return url.href;
  };
  const provider = {
    base_url: withPassword(llm.url, own.password),
    api_key: "${YAML_KEY}",
    headers: { "X-Key": own.header, "X-Other": `Bearer ${own.bearer}` },
  };
  const file = { providers: { p: provider }, models: { m: { provider: "p" } } };
  await Deno.writeTextFile(join(folder.path, "models.yaml"), JSON.stringify(file));
  const named = { secrets: [{ name: "bot", secret: own.named }] };
  await Deno.writeTextFile(join(folder.path, "secrets.yaml"), JSON.stringify(named));
  await using gateway = await GatewayProcess.start({
    cwd: folder.path,
    args: ["--log-level", "debug"],
    env: {
      YAML_KEY: own.key,
      CLARA_MEMORY: "mem0",
      MEM0_BASE_URL: withPassword(mem0.url, own.mem0),
    },
  });
  await using adapter = await AdapterClient.connect({ url: gateway.url, secret: own.named });
  await adapter.replyTo(adapter.say("Hello"), { timeoutMs: 30_000 });
  await gateway.waitForLog(/Wrong: /);
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
  const log = gateway.log.join("\n");
  assert.match(log, /mem0.*Wrong: /);
  const forms = (secret: string) => [secret, encodeURIComponent(secret), JSON.stringify(secret)];
  const shown = Object.entries(own)
    .filter(([, secret]) => forms(secret).some((form) => log.includes(form.replace(/^"|"$/g, ""))));
  assert.deepEqual(shown, []);
});

Deno.test("fault 28: the report of an invalid setting does not contain a secret next to it", async () => {
  await using folder = new TempFolder();
  await Deno.writeTextFile(
    join(folder.path, "secrets.yaml"),
    `secrets:\n  - { name: bot, secret: ${secrets.named}, scopes: [everything] }\n`,
  );
  await Deno.writeTextFile(
    join(folder.path, "mcp.json"),
    `{ "mcpServers": { "web": { "url": 7, "headers": { "A": "${secrets.mcpHeader}" } } } }`,
  );
  const own = join(folder.path, "own.yaml");
  await Deno.writeTextFile(own, "secrets: []\n");
  const places: Readonly<Record<string, string>>[] = [{ CLARA_SECRETS_CONFIG: own }, {}];
  for (const env of places) {
    const start = GatewayProcess.start({
      cwd: folder.path,
      env: { ...env, CLARA_GATEWAY_SECRET: secrets.gateway, OPENAI_API_KEY: secrets.model },
    });
    await assert.rejects(start, ({ message }: Error) => {
      assert.deepEqual(leaks("the end of a start", message), []);
      return true;
    });
  }
});
