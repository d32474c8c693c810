/** Real MCP servers from npm, over each transport, with a scripted model. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { textOf } from "../support/llm/chat_request.ts";
import { EverythingServer, npmServer } from "../support/mcp/everything_server.ts";
import { McpFolder, offeredTools, toolResults } from "../support/mcp/mcp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { lacks } from "../support/process/programs.ts";

type Call = readonly [name: string, input?: object];

/** Holds one turn in which the model makes these calls in one round. */
async function converse(gateway: TestGateway, calls: readonly Call[]) {
  await using adapter = await gateway.connect();
  const from = gateway.llm.requests.length;
  gateway.llm.reply({
    toolCalls: calls.map(([name, input = {}]) => ({ name, arguments: input })),
  }, { text: "Done." });
  const { frames, terminal } = await adapter.replyTo(adapter.say("Go"), { timeoutMs: 20_000 });
  assert.equal(terminal.content, "Done.");
  const [first, second] = gateway.llm.requests.slice(from);
  return { frames, terminal, first: first!.body, texts: toolResults(second!.body) };
}

/** Resolves when this many servers are running. */
async function connected(gateway: TestGateway, count: number): Promise<void> {
  await using adapter = await gateway.connect();
  const deadline = Date.now() + 60_000;
  for (let round = 0;; round++) {
    const request_id = `status-${round}`;
    adapter.send({ type: "mcp_status", request_id });
    const status = await adapter.waitFor((frame) => frame.request_id === request_id);
    if (status.connected_servers === count) return;
    assert.ok(Date.now() < deadline, `${status.connected_servers} of ${count} servers run`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("servers over stdio, streamable HTTP and SSE serve one conversation", {
  ignore: lacks("npx"),
}, async (t) => {
  await using http = await EverythingServer.start("streamableHttp");
  await using sse = await EverythingServer.start("sse");
  await using folder = new McpFolder();
  const notes = folder.file("notes");
  Deno.mkdirSync(notes);
  Deno.writeTextFileSync(
    folder.mcpFile,
    JSON.stringify({
      mcpServers: {
        everything: npmServer("everything"),
        files: npmServer("filesystem", [notes]),
        memory: npmServer("memory", [], { env: { MEMORY_FILE_PATH: folder.file("memory.json") } }),
        http: { url: http.url },
        sse: { url: sse.url },
      },
    }),
  );
  await using gateway = await TestGateway.start({ config: folder.config });
  await connected(gateway, 5);

  await t.step("all their tools are offered, with their instructions", async () => {
    const { first } = await converse(gateway, [["everything__echo", { message: "hi" }]]);
    const names = offeredTools(first);
    for (const server of ["everything", "http", "sse"]) {
      assert.ok(names.includes(`${server}__get-sum`), `${server} in ${names}`);
    }
    assert.ok(names.includes("files__write_file") && names.includes("memory__create_entities"));
    const system = textOf(first.messages[0]!);
    assert.match(system, /# Tools\nTools everything__\*: # Everything Server/);
  });

  await t.step(
    "each transport carries calls with arguments, concurrently and in order",
    async () => {
      const { texts, frames } = await converse(gateway, [
        ["everything__echo", { message: "over stdio ✓" }],
        ["http__echo", { message: "over HTTP ✓" }],
        ["sse__echo", { message: "over SSE ✓" }],
        ["http__get-sum", { a: 2, b: 40 }],
        ["sse__get-sum", { a: "two" }],
      ]);
      assert.deepEqual(texts.slice(0, 3), [
        "Echo: over stdio ✓",
        "Echo: over HTTP ✓",
        "Echo: over SSE ✓",
      ]);
      assert.match(texts[3]!, /42/);
      assert.match(texts[4]!, /Cannot call "sse__get-sum": "a": /);
      const completed = frames.filter(({ status }) => status === "completed");
      assert.equal(completed.length, 4);
    },
  );

  await t.step(
    "content other than text is described, and images are attached to the reply",
    async () => {
      const { texts, terminal } = await converse(gateway, [
        ["everything__get-tiny-image"],
        ["http__get-resource-links", { count: 2 }],
        ["everything__get-resource-reference", { resourceType: "Text", resourceId: 1 }],
        ["sse__get-structured-content", { location: "Chicago" }],
        ["everything__get-annotated-message", { messageType: "error", includeImage: true }],
      ]);
      assert.match(
        texts[0]!,
        /\[image: image-\d\.png, \d+ bytes; it will be sent with your reply\]/,
      );
      assert.match(texts[1]!, /\[resource: .*demo:\/\/resource/);
      assert.match(texts[2]!, /\[resource: demo:\/\/resource\/\S+\]\n.*Resource 1/s);
      assert.deepEqual(JSON.parse(texts[3]!).conditions, "Light rain / drizzle");
      assert.match(texts[4]!, /Error: /);
      const files = terminal.files as readonly { filename: string; content_base64: string }[];
      assert.equal(files.length, 2);
      for (const { content_base64 } of files) assert.equal(atob(content_base64).slice(1, 4), "PNG");
    },
  );

  await t.step("files and memories are written where the configuration says", async () => {
    const path = join(notes, "a.txt");
    const entity = { name: "Ada", entityType: "person", observations: ["likes tea"] };
    const { texts } = await converse(gateway, [
      ["files__write_file", { path, content: "A\n" }],
      ["memory__create_entities", { entities: [entity] }],
      ["files__read_text_file", { path: "/etc/hostname" }],
    ]);
    assert.equal(Deno.readTextFileSync(path), "A\n");
    assert.match(Deno.readTextFileSync(folder.file("memory.json")), /likes tea/);
    assert.match(texts[2]!, /Access denied/);
    const found = await converse(gateway, [
      ["files__read_text_file", { path }],
      ["memory__search_nodes", { query: "tea" }],
    ]);
    assert.match(found.texts[0]!, /^A\n/);
    assert.match(found.texts[1]!, /"Ada"/);
  });

  await t.step("progress and log notifications of a server are harmless", async () => {
    const slow = { duration: 0.3, steps: 3 };
    const { texts } = await converse(gateway, [
      ["everything__toggle-simulated-logging"],
      ["http__toggle-simulated-logging"],
      ["everything__trigger-long-running-operation", slow],
      ["http__trigger-long-running-operation", slow],
      ["sse__trigger-long-running-operation", slow],
    ]);
    for (const text of texts.slice(2)) assert.match(text, /Long running operation completed/);
  });

  await t.step("the gateway reconnects to a restarted HTTP server", async () => {
    const { port } = http;
    await http[Symbol.asyncDispose]();
    const down = await converse(gateway, [["http__echo", { message: "?" }]]);
    assert.match(down.texts[0]!, /MCP server "http"/);
    await using _again = await EverythingServer.start("streamableHttp", port);
    const { texts } = await converse(gateway, [["http__echo", { message: "back" }]]);
    assert.deepEqual(texts, ["Echo: back"]);
  });
});

Deno.test("a session the server has forgotten is replaced silently", {
  ignore: lacks("npx"),
}, async () => {
  await using first = await EverythingServer.start("streamableHttp");
  await using folder = new McpFolder({ http: { url: first.url } });
  await using gateway = await TestGateway.start({ config: folder.config });
  await converse(gateway, [["http__echo", { message: "one" }]]);
  await first[Symbol.asyncDispose]();
  await using _second = await EverythingServer.start("streamableHttp", first.port);
  const { texts } = await converse(gateway, [["http__echo", { message: "two" }]]);
  assert.deepEqual(texts, ["Echo: two"]);
});
