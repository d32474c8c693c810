/** Events across restarts: what a crash or restart interrupts is reported once, by the next run. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { AdapterClient } from "../support/adapter/client.ts";
import type { GatewayProcess } from "../support/process/gateway_process.ts";
import { HooksFolder, type RecordedEvent, recorder } from "../support/hooks_folder.ts";
import { LlmServer } from "../support/llm/server.ts";
import { badServer } from "../support/mcp/mcp_folder.ts";
import { writtenText } from "../support/process/temp_folder.ts";

const nodeId = "adapter-1";

/** A folder with a tool `bad__hang` that records its calls in `hung` and never returns. */
async function withHangingTool(): Promise<{ folder: HooksFolder; hung: string }> {
  const folder = new HooksFolder([recorder]);
  const mcp = { mcpServers: { bad: badServer() } };
  await Deno.writeTextFile(join(folder.path, "mcp.json"), JSON.stringify(mcp));
  return { folder, hung: join(folder.path, "hung") };
}

function start(
  folder: HooksFolder,
  llm: LlmServer,
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  return folder.start({
    env: {
      OPENAI_API_KEY: "test-key",
      OPENAI_BASE_URL: llm.url,
      CLARA_MCP_CONFIG: join(folder.path, "mcp.json"),
      ...env,
    },
  });
}

/** The recorded events of one request: types, and errors of tools. */
function told(events: readonly RecordedEvent[], requestId: string): readonly string[] {
  return events.filter(({ request_id }) => request_id === requestId)
    .map(({ type, data }) => type === "tool:error" ? `${type} ${data.error}` : type);
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`a tool interrupted by ${signal} is reported as interrupted, and its message as sent, once`, async () => {
    await using llm = await LlmServer.start();
    const { folder, hung } = await withHangingTool();
    await using _folder = folder;
    llm.reply(
      { toolCalls: [{ name: "current_time", arguments: {} }] },
      { toolCalls: [{ name: "bad__hang", arguments: { file: hung } }] },
    );
    await using cut = await start(folder, llm, { CLARA_DRAIN_SECONDS: "0" });
    const before = await AdapterClient.connect({ url: cut.url, nodeId });
    const id = before.say("Hang on");
    await writtenText(hung);
    await folder.waitForEvents((events) => told(events, id).length === 4, {
      what: "the call of the tool",
    });
    await cut.kill(signal);
    await before.close();

    llm.reply({ text: "It was cut off." });
    await using gateway = await start(folder, llm);
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
    assert.equal((await adapter.replyTo(id)).terminal.content, "It was cut off.");
    await folder.waitForEvents((events) => told(events, id).includes("message:sent"));
    assert.equal((await gateway.kill("SIGTERM")).code, 0);

    const events = folder.events();
    assert.deepEqual(told(events, id), [
      "message:received",
      "tool:start",
      "tool:end",
      "tool:start",
      "tool:error interrupted: the gateway ended while it ran",
      "message:sent",
    ]);
    const secondStart = events.findLastIndex(({ type }) => type === "gateway:startup");
    const error = events.findIndex(({ type }) => type === "tool:error");
    assert.ok(secondStart < error, "the next run reports the call");
    assert.equal(events[error]!.data.tool_name, "bad__hang");
    assert.equal(events.filter(({ type }) => type === "session:start").length, 1);
    const sent = events.find(({ type }) => type === "message:sent");
    assert.equal(sent!.data.tool_count, 2);
  });
}

Deno.test("a gateway's first event is its startup, even if a task was interrupted", async () => {
  await using llm = await LlmServer.start();
  await using folder = new HooksFolder([recorder], [{
    name: "hangs",
    type: "one_shot",
    delay: 0,
    command: "echo $$ > hooks/begun; sleep 100",
  }, { name: "often", type: "interval", interval: 1, delay: 0, missed: "once", command: "true" }]);
  await using killed = await start(folder, llm);
  await writtenText(folder.file("begun"));
  await folder.waitForEvents((events) => events.some(({ task_name }) => task_name === "hangs"));
  await killed.kill();

  const from = folder.events().length;
  await using gateway = await start(folder, llm);
  await using _adapter = await AdapterClient.connect({ url: gateway.url });
  const events = await folder.waitForEvents((all) =>
    all.slice(from).some(({ type }) => type === "scheduler:task_error")
  );
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
  assert.equal(events[0]!.type, "gateway:startup");
  assert.equal(events[from]!.type, "gateway:startup");
  const ofTask = folder.events().filter(({ task_name }) => task_name === "hangs");
  assert.deepEqual(ofTask.map(({ type }) => type), ["scheduler:task_run", "scheduler:task_error"]);
  assert.match(String(ofTask[1]!.data.error), /the gateway ended while it ran/);
});
