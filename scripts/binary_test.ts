/**
 * Drives the compiled program from an empty folder, with no Deno on the PATH: a conversation, a
 * kill -9 in the middle of a turn and the reply after the restart, an orderly end. `.ci/run` calls it
 * with the program's path in CLARA_TEST_BINARY.
 */

import assert from "node:assert/strict";
import { AdapterClient } from "../tests/support/adapter_client.ts";
import { LlmServer } from "../tests/support/llm_server.ts";
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
    env: { HOME: folder, CLARA_LOG_FORMAT: "json", ...env },
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
