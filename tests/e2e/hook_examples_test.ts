/** The documented example hooks, unchanged except for the webhook's host. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { documentedHooks } from "../support/documented_examples.ts";
import { hookRuns, HooksFolder } from "../support/hooks_folder.ts";
import { LlmServer } from "../support/llm/server.ts";
import { AwaitableList } from "../support/awaitable_list.ts";
import { lacks } from "../support/process/programs.ts";

/** A request received by the webhook. */
interface Notice {
  readonly method: string;
  readonly path: string;
  readonly contentType: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

Deno.test(
  "both documented examples run as documented",
  { ignore: lacks("curl") },
  async () => {
    const notices = new AwaitableList<Notice>();
    await using webhook = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        notices.add({
          method: request.method,
          path: new URL(request.url).pathname,
          contentType: request.headers.get("content-type"),
          body: await request.json(),
        });
        return new Response("noted\n");
      },
    );
    await using llm = await LlmServer.start();
    await using folder = new HooksFolder();
    const url = `http://127.0.0.1:${webhook.addr.port}`;
    await Deno.writeTextFile(
      folder.hooksFile,
      documentedHooks.replace("https://webhook.example.com", url),
    );
    await using gateway = await folder.start({
      env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url },
    });
    const [started] = await hookRuns(gateway, "log-startup", 1);
    assert.deepEqual([started!.ok, started!.exit_code, started!.error], [true, 0, null]);
    assert.match(
      started!.output!,
      /^Gateway started at 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/,
    );

    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "adapter-1" });
    const timezone = 'Mars/"Olympus" $(touch pwned)';
    llm.reply(
      { toolCalls: [{ id: "c1", name: "current_time", arguments: { timezone } }] },
      { text: "I do not know." },
    );
    const id = adapter.say("What time is it on Mars?");
    await adapter.replyTo(id);
    const notice = await notices.waitFor(() => true);
    assert.equal(notice.method, "POST");
    assert.equal(notice.path, "/notify");
    assert.equal(notice.contentType, "application/json");
    const { timestamp, data, ...origin } = notice.body;
    assert.match(String(timestamp), /^20\d\d-/);
    assert.deepEqual(origin, {
      type: "tool:error",
      node_id: "adapter-1",
      platform: "test",
      user_id: "user-1",
      channel_id: "channel-1",
      request_id: id,
      task_name: null,
    });
    const { tool_name, call_id, error } = data as Readonly<Record<string, unknown>>;
    assert.deepEqual([tool_name, call_id], ["current_time", "c1"]);
    assert.ok(String(error).includes(timezone), String(error));
    const [told] = await hookRuns(gateway, "notify-errors", 1);
    assert.equal(told!.exit_code, 0);
    assert.match(told!.output!, /noted/);
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
    assert.equal(notices.items.length, 1);
  },
);
