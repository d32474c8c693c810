/** Connections to servers over HTTP that deviate from the specification, or fail. */

import assert from "node:assert/strict";
import { McpConfigFile } from "../../../src/tools/mcp/config_file.ts";
import { lossOf, McpConnection } from "../../../src/tools/mcp/connection.ts";
import { transportErrorText } from "../../../src/tools/mcp/http_transport.ts";
import { OAuthStore } from "../../../src/tools/mcp/oauth.ts";
import { within } from "../../support/deadline.ts";
import {
  initializeResult,
  respond,
  type RpcAnswer,
  type RpcRequest,
  ScriptedMcpServer,
  type ScriptedServerOptions,
  textResult,
  toolEntry,
} from "../../support/mcp/scripted_server.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";

/** Connects with an entry of the configuration file. */
async function connect(entry: object, log: string[] = []): Promise<McpConnection> {
  await using folder = new TempFolder();
  const file = new McpConfigFile(`${folder.path}/mcp.json`);
  file.write("s", { startTimeoutSeconds: 5, ...entry });
  return await McpConnection.open({
    name: "s",
    config: file.read().get("s")!,
    environment: () => undefined,
    childEnvironment: {},
    maxMessageBytes: 100_000,
    logins: new OAuthStore(`${folder.path}/logins`),
    signal: new AbortController().signal,
    onLog: (line) => log.push(line),
    onClose: () => {},
    onToolsChanged: () => {},
  });
}

function call(connection: McpConnection, name = "echo") {
  const { signal } = new AbortController();
  return connection.callTool({ name, arguments: {}, signal, timeoutMs: 3_000 });
}

/** Starts a server that answers one method as given. */
function serverThat(method: string, answer: (rpc: RpcRequest) => RpcAnswer): ScriptedMcpServer {
  return ScriptedMcpServer.start({
    answer: (rpc) => rpc.method === method ? answer(rpc) : undefined,
  });
}

async function toolsOf(options: ScriptedServerOptions): Promise<readonly unknown[]> {
  await using server = ScriptedMcpServer.start(options);
  await using connection = await connect({ url: server.url });
  return await connection.listTools(new AbortController().signal);
}

Deno.test("a list of tools is returned as it is, over all pages", async () => {
  const odd = { name: null, outputSchema: { $ref: "#/nowhere" }, annotations: null };
  const pages: Readonly<Record<string, object>> = {
    "": { tools: [toolEntry("a"), odd], nextCursor: "2", _meta: null },
    "2": { tools: null, nextCursor: "3" },
    "3": { tools: ["text", toolEntry("b")], nextCursor: null },
  };
  const tools = await toolsOf({
    answer: ({ method, params }) =>
      method === "tools/list" ? pages[params?.cursor ?? ""] : undefined,
  });
  assert.deepEqual(tools, [toolEntry("a"), odd, "text", toolEntry("b")]);
});

Deno.test("a list that never ends is cut", async () => {
  const same = { tools: [toolEntry("a")], nextCursor: "again" };
  const repeated = await toolsOf({
    answer: ({ method }) => method === "tools/list" ? same : undefined,
  });
  assert.equal(repeated.length, 2);
  let page = 0;
  const endless = await toolsOf({
    answer: ({ method }) =>
      method === "tools/list"
        ? { tools: Array.from({ length: 50 }, () => toolEntry("a")), nextCursor: String(page++) }
        : undefined,
  });
  assert.equal(endless.length, 500);
});

Deno.test("tools of a server that does not declare them are listed", async () => {
  const undeclared = (rpc: RpcRequest) => ({ ...initializeResult(rpc), capabilities: {} });
  const tools = await toolsOf({
    answer: (rpc) => rpc.method === "initialize" ? undeclared(rpc) : undefined,
  });
  assert.equal(tools.length, 1);
  const none = await toolsOf({
    answer: (rpc) => {
      if (rpc.method === "initialize") return undeclared(rpc);
      if (rpc.method !== "tools/list") return undefined;
      return respond({ jsonrpc: "2.0", id: rpc.id, error: { code: -32601, message: "unknown" } });
    },
  });
  assert.deepEqual(none, []);
});

const answers: readonly (readonly [
  name: string,
  answer: (rpc: RpcRequest) => RpcAnswer,
  text: string,
])[] = [
  [
    "with an error of null",
    ({ id }) => respond({ jsonrpc: "2.0", id, result: textResult("a"), error: null }),
    "a",
  ],
  ["as a batch", ({ id }) => respond([{ jsonrpc: "2.0", id, result: textResult("a") }]), "a"],
  ["without the wrapper", () => respond(textResult("a")), "a"],
  [
    "with the wrong content type",
    ({ id }) => respond({ jsonrpc: "2.0", id, result: textResult("a") }, "text/plain"),
    "a",
  ],
  [
    "as events with the wrong content type",
    ({ id }) =>
      respond(
        `data: ${JSON.stringify({ jsonrpc: "2.0", id, result: textResult("a") })}\n\n`,
        "text/plain",
      ),
    "a",
  ],
  [
    "as events with an error of null",
    ({ id }) =>
      respond(
        `event: message\ndata: ${
          JSON.stringify({ jsonrpc: "2.0", id, result: textResult("a"), error: null })
        }\n\n`,
        "text/event-stream",
      ),
    "a",
  ],
];

for (const [name, answer, text] of answers) {
  Deno.test(`an answer ${name} is understood`, async () => {
    await using server = serverThat("tools/call", answer);
    await using connection = await connect({ url: server.url });
    assert.deepEqual((await call(connection)).content, [{ type: "text", text }]);
  });
}

const failures:
  readonly (readonly [name: string, answer: (rpc: RpcRequest) => RpcAnswer, says: RegExp])[] = [
    [
      "that is a JSON-RPC error",
      ({ id }) => respond({ jsonrpc: "2.0", id, error: { code: -32602, message: "bad city" } }),
      /bad city/,
    ],
    [
      "that is an error with details",
      ({ id }) =>
        respond({ jsonrpc: "2.0", id, error: { code: -32602, message: "bad", data: { a: 1 } } }),
      /bad; \{"a":1\}$/,
    ],
    [
      "that is an error without an id",
      () => respond({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } }),
      /Parse error/,
    ],
    [
      "that is HTML",
      () => respond("<html>Gateway</html>", "text/html"),
      /not JSON \(text\/html\): <html>/,
    ],
    ["that is empty", () => respond(""), /response is empty/],
    [
      "that is a stream without an answer",
      () => respond(": nothing\n\n", "text/event-stream"),
      /ended without an answer/,
    ],
    [
      "that is too long",
      ({ id }) => respond({ jsonrpc: "2.0", id, result: textResult("x".repeat(200_000)) }),
      /exceeds 100000 bytes/,
    ],
    [
      "with a server error",
      () => respond({ detail: "out of order" }, "application/json", 503),
      /^HTTP 503: out of order$/,
    ],
    [
      "that limits the rate",
      () => respond({ error: { message: "slow down" } }, "application/json", 429),
      /^HTTP 429: slow down$/,
    ],
  ];

for (const [name, answer, says] of failures) {
  Deno.test(`an answer ${name} fails at once, and the connection stays usable`, async () => {
    let broken = true;
    await using server = serverThat("tools/call", (rpc) => broken ? answer(rpc) : undefined);
    await using connection = await connect({ url: server.url });
    await assert.rejects(call(connection), (error) => {
      assert.match(transportErrorText(error), says);
      assert.equal(lossOf(error), undefined);
      return true;
    });
    broken = false;
    assert.equal((await call(connection)).content?.length, 1);
  });
}

Deno.test("a forgotten session is a loss, other refusals are not", async () => {
  const refusals: readonly (readonly [status: number, body: string, loss: string | undefined])[] = [
    [404, "Session not found", "session"],
    [400, "Bad Request: No valid session ID provided", "session"],
    [400, "Invalid arguments", undefined],
    [500, "Internal error", undefined],
  ];
  for (const [status, body, loss] of refusals) {
    await using server = serverThat("tools/call", () => respond(body, "text/plain", status));
    await using connection = await connect({ url: server.url });
    await assert.rejects(call(connection), (error) => {
      assert.equal(lossOf(error), loss, `${status} ${body}`);
      return true;
    });
  }
});

for (const status of [400, 404, 405, 406, 501, 500]) {
  Deno.test(`a server that answers GET with ${status} works`, async () => {
    const asked = Promise.withResolvers<void>();
    await using server = ScriptedMcpServer.start({
      get: () => {
        asked.resolve();
        return new Response("no stream here", { status });
      },
    });
    await using connection = await connect({ url: server.url });
    await within(asked.promise, { what: "the GET request" });
    assert.equal((await call(connection)).content?.length, 1);
    assert.equal((await call(connection)).content?.length, 1);
  });
}

/** The messages of a failed connection, and the methods of the HTTP requests. */
async function failedConnect(refusal: Response, entry: object = {}) {
  const methods: string[] = [];
  await using server = ScriptedMcpServer.start({
    guard: ({ method }) => {
      methods.push(method);
      return method === "POST" ? refusal.clone() : new Response("no", { status: 405 });
    },
  });
  let message = "";
  try {
    await (await connect({ url: server.url, ...entry }))[Symbol.asyncDispose]();
  } catch (error) {
    message = (error as Error).message;
  }
  return { message, methods };
}

Deno.test("only a server without the endpoint is tried over SSE", async () => {
  for (const status of [400, 404, 405]) {
    const { message, methods } = await failedConnect(new Response("wrong door", { status }));
    assert.match(message, new RegExp(`^HTTP ${status}: wrong door; over SSE: HTTP 405`));
    assert.deepEqual(methods, ["POST", "GET"]);
  }
  for (const status of [403, 406, 429, 500, 503]) {
    const { message, methods } = await failedConnect(new Response("closed", { status }));
    assert.equal(message, `HTTP ${status}: closed`);
    assert.deepEqual(methods, ["POST"]);
  }
});

Deno.test("a refused key is reported with the server's words", async () => {
  const refusal = respond({ error: { message: "bad key" } }, "application/json", 401);
  const headers = { Authorization: "Bearer wrong-key" };
  const { message, methods } = await failedConnect(refusal, { headers });
  assert.equal(message, "HTTP 401: bad key");
  assert.deepEqual(methods, ["POST"]);
});

Deno.test("a server that cannot be reached is not tried over SSE", async () => {
  const port = await (async () => {
    await using server = ScriptedMcpServer.start();
    return new URL(server.url).port;
  })();
  await assert.rejects(connect({ url: `http://127.0.0.1:${port}/mcp` }), (error) => {
    assert.doesNotMatch((error as Error).message, /SSE/);
    return true;
  });
});

Deno.test("an answer to initialize with nulls is accepted", async () => {
  await using server = serverThat("initialize", (rpc) => ({
    protocolVersion: rpc.params?.protocolVersion,
    capabilities: { tools: { listChanged: null }, prompts: null },
    serverInfo: { name: "s", version: null },
    instructions: null,
  }));
  await using connection = await connect({ url: server.url });
  assert.equal(connection.instructions, undefined);
  assert.equal((await connection.listTools(new AbortController().signal)).length, 1);
});
