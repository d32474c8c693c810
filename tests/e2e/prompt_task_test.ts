/** Prompts in scheduler.yaml: their replies are sent as proactive messages. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { lastText, textOf } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";
import { historyRows } from "./history_rows.ts";
import { proactiveFrames } from "./reminder_script.ts";

const question = "What was talked about?";

/** A gateway whose scheduler.yaml is written at run time. */
class TaskSetup implements AsyncDisposable {
  readonly #folder: TempFolder;

  static async open(): Promise<TaskSetup> {
    const folder = new TempFolder("clara_scheduler_");
    return new TaskSetup(
      folder,
      await TestGateway.start({ config: { schedulerDir: folder.path } }),
    );
  }

  private constructor(folder: TempFolder, readonly gateway: TestGateway) {
    this.#folder = folder;
    gateway.llm.when((request) => lastText(request).endsWith(question), {
      text: ["The ", "digest"],
    });
  }

  /** Submits a prompt to a channel, once and now. */
  async prompt(fields: Readonly<Record<string, string>> = {}): Promise<void> {
    const lines = { platform: "test", channel: "news", ...fields };
    const text = [
      "tasks:",
      "  - name: digest",
      "    type: one_shot",
      "    delay: 0",
      `    prompt: ${question}`,
      ...Object.entries(lines).map(([key, value]) => `    ${key}: ${value}`),
    ].join("\n");
    Deno.writeTextFileSync(join(this.#folder.path, "scheduler.yaml"), text);
    assert.deepEqual(await this.gateway.gateway.reload(), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

Deno.test("a prompt's reply goes to the platform's only adapter and is stored in history", async () => {
  await using setup = await TaskSetup.open();
  const { gateway } = setup;
  await using adapter = await gateway.connect();
  await using elsewhere = await gateway.connect({ platform: "elsewhere" });
  await setup.prompt();
  const { at: _, seq: __, request_id, ...frame } = await adapter.proactive();
  assert.match(String(request_id), /^task-digest-20/);
  assert.deepEqual(frame, {
    type: "proactive_message",
    user_id: "scheduler",
    channel_id: "news",
    content: "The digest",
    priority: "normal",
  });
  await gateway.allDelivered();
  assert.deepEqual(historyRows(gateway.dataDir), [["user", question], ["assistant", "The digest"]]);
  // The user's next message there is answered with it in context.
  await adapter.replyTo(adapter.say("And then?", { channelId: "news" }));
  const shown = gateway.llm.requests.at(-1)!.body.messages.map(textOf);
  assert.ok(shown.includes("The digest"));
  // The bot has not answered itself: one request by the task, one by the user.
  assert.equal(gateway.llm.requests.length, 2);
  await elsewhere.ping();
  assert.equal(proactiveFrames(adapter, elsewhere).length, 1);
  const run = await gateway.waitFor("scheduler:task_run");
  assert.ok("task_type" in run.data && run.data.task_type === "one_shot");
});

Deno.test("a prompt's reply goes to the node and user that it names", async () => {
  await using setup = await TaskSetup.open();
  await using one = await setup.gateway.connect({ nodeId: "one" });
  await using two = await setup.gateway.connect({ nodeId: "two" });
  await one.replyTo(one.say("Hello", { channelId: "news" }));
  await setup.prompt({ node: "two", user: "ada" });
  assert.equal((await two.proactive()).user_id, "ada");
  await one.ping();
  assert.deepEqual(proactiveFrames(one), []);
});

Deno.test("a prompt's reply goes to the node of the channel's newest session", async () => {
  await using setup = await TaskSetup.open();
  await using one = await setup.gateway.connect({ nodeId: "one" });
  await using two = await setup.gateway.connect({ nodeId: "two" });
  await one.replyTo(one.say("Hello", { channelId: "news" }));
  await two.replyTo(two.say("Hello", { channelId: "news", userId: "user-2" }));
  await one.replyTo(one.say("Hello", { channelId: "other" }));
  await setup.prompt();
  await two.proactive();
  await one.ping();
  assert.deepEqual(proactiveFrames(one), []);
});

Deno.test("a prompt for an adapter that is away arrives when it returns", async () => {
  await using setup = await TaskSetup.open();
  await setup.prompt({ node: "away" });
  await setup.gateway.waitFor("message:sent");
  await using adapter = await setup.gateway.connect({ nodeId: "away", dialect: "clara-py" });
  const { at: _, ...frame } = await adapter.proactive();
  assert.deepEqual(frame, {
    type: "proactive_message",
    user: {
      id: "scheduler",
      platform_id: "scheduler",
      name: "Scheduler",
      display_name: "Scheduler",
    },
    channel: { id: "news", type: "server", name: null, guild_id: null, guild_name: null },
    content: "The digest",
    priority: "normal",
  });
});

Deno.test("a prompt without an adapter fails and is retried until there is one", async () => {
  await using setup = await TaskSetup.open();
  const { gateway } = setup;
  await setup.prompt();
  const { data } = await gateway.waitFor("scheduler:task_error");
  assert.ok("error" in data);
  assert.match(data.error, /no adapter of platform "test" is connected.*Set "node"/);
  await using adapter = await gateway.connect();
  // It is retried after ten seconds.
  await adapter.proactive({ timeoutMs: 20_000 });
  await adapter.ping();
  assert.equal(proactiveFrames(adapter).length, 1);
});

Deno.test("a prompt that two adapters could deliver must name one", async () => {
  await using setup = await TaskSetup.open();
  await using one = await setup.gateway.connect();
  await using two = await setup.gateway.connect();
  await setup.prompt();
  const { data } = await setup.gateway.waitFor("scheduler:task_error");
  assert.ok("error" in data);
  assert.match(data.error, /2 adapters of platform "test" are connected.*Set "node"/);
  for (const adapter of [one, two]) await adapter.ping();
  assert.deepEqual(proactiveFrames(one, two), []);
});

Deno.test("a prompt is queued in its channel and does not affect others", async () => {
  await using setup = await TaskSetup.open();
  const { gateway } = setup;
  const gate = new Gate();
  gateway.llm.when((request) => lastText(request).endsWith("slow"), {
    text: "slowly",
    gate: gate.opened,
  });
  await using adapter = await gateway.connect();
  const slow = adapter.say("slow", { channelId: "news" });
  await gateway.llm.request(0);
  await setup.prompt();
  await gateway.waitFor("scheduler:task_run");
  const behind = adapter.say("behind", { channelId: "news" });
  assert.equal((await adapter.replyTo(adapter.say("quick", { channelId: "b" }))).text, "quick");
  assert.equal(gateway.llm.requests.length, 2, "the prompt waits");
  gate.open();
  await adapter.replyTo(slow);
  await adapter.proactive();
  await adapter.replyTo(behind);
  const ends = adapter.frames.filter(({ type }) =>
    type === "response_end" || type === "proactive_message"
  );
  assert.deepEqual(ends.map(({ content }) => content!.replace(/^user-1: /, "")), [
    "quick",
    "slowly",
    "The digest",
    "behind",
  ]);
});

for (const dialect of ["clara-1", "clara-py"] as const) {
  Deno.test(`a prompt cancelled with its channel sends nothing (${dialect})`, async () => {
    await using gateway = await TestGateway.start();
    const folder = gateway.dataDir;
    gateway.llm.when((request) => lastText(request) === question, {
      text: ["half ", "of it"],
      hang: "mid-stream",
    });
    await using adapter = await gateway.connect({ dialect });
    const task = `type: one_shot, delay: 0, prompt: "${question}", platform: test, channel: news`;
    Deno.writeTextFileSync(join(folder, "scheduler.yaml"), `tasks: [{ name: t, ${task} }]`);
    assert.deepEqual(await gateway.gateway.reload(), []);
    const { closedByClient } = await gateway.llm.request(0);
    adapter.cancel({ channelId: "news" });
    await closedByClient;
    await gateway.waitFor("message:cancelled");
    await gateway.allDelivered();
    await adapter.ping();
    const types = adapter.frames.map(({ type }) => type);
    assert.deepEqual(types.filter((type) => type !== "pong" && type !== "registered"), []);
    // The channel goes on.
    const reply = await adapter.replyTo(adapter.say("Hello", { channelId: "news" }));
    assert.match(reply.text, /Hello/);
  });
}

Deno.test("a prompt whose model fails sends nothing", async () => {
  await using gateway = await TestGateway.start();
  gateway.llm.reply({ status: 401 });
  await using adapter = await gateway.connect();
  const task = `type: one_shot, delay: 0, prompt: "x", platform: test, channel: news`;
  Deno.writeTextFileSync(join(gateway.dataDir, "scheduler.yaml"), `tasks: [{ name: t, ${task} }]`);
  assert.deepEqual(await gateway.gateway.reload(), []);
  await gateway.waitFor("message:error");
  await gateway.allDelivered();
  await adapter.ping();
  assert.deepEqual(adapter.frames.map(({ type }) => type), ["registered", "pong"]);
});
