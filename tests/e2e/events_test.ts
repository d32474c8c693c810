/**
 * All events of a gateway as a hook receives them: each once, in order, with the right variables.
 */

import assert from "node:assert/strict";
import { eventNames } from "../../src/domain/events.ts";
import { AdapterClient } from "../support/adapter/client.ts";
import type { GatewayProcess } from "../support/process/gateway_process.ts";
import {
  admin,
  type Entry,
  HooksFolder,
  type RecordedEvent,
  recorder,
} from "../support/hooks_folder.ts";
import { LlmServer } from "../support/llm/server.ts";

const identity = { nodeId: "adapter-1", platform: "discord", capabilities: ["streaming"] };
const failing: Entry = { name: "fails", event: "session:end", command: "echo oh; exit 3" };
const tasks: readonly Entry[] = [
  { name: "works", type: "one_shot", delay: 0, command: "true" },
  { name: "breaks", type: "cron", cron: "0 0 1 1 *", command: "exit 5" },
];

/** Variables of a command's environment besides those of the event. */
const otherVariables = new Set([
  ...["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER", "NODE_EXTRA_CA_CERTS"],
  ...["SSL_CERT_FILE", "PWD", "OLDPWD", "SHLVL", "_", "CLARA_DATA_DIR"],
]);

/** Asserts that the environment contains what the event's JSON does, and nothing else. */
function checkEnvironment({ env, ...event }: RecordedEvent): void {
  const { data, type, timestamp, task_name, ...origin } = event;
  const expected: Record<string, string> = {
    CLARA_EVENT_TYPE: type,
    CLARA_TIMESTAMP: timestamp,
    ...(task_name !== null && { CLARA_TASK_NAME: task_name }),
  };
  for (const [name, value] of Object.entries(origin)) {
    expected[`CLARA_${name.toUpperCase()}`] = value ?? "";
  }
  for (const [name, value] of Object.entries(data)) {
    if (typeof value !== "object") expected[`CLARA_${name.toUpperCase()}`] = String(value);
  }
  const { CLARA_EVENT_DATA, ...others } = env;
  const found = Object.entries(others).filter(([name]) => !otherVariables.has(name));
  assert.deepEqual(Object.fromEntries(found), expected);
  assert.deepEqual(JSON.parse(CLARA_EVENT_DATA!), event);
  assert.match(timestamp, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
}

/** Starts a gateway with this model. */
function start(
  folder: HooksFolder,
  llm: LlmServer,
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  return folder.start({ env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url, ...env } });
}

/** The types of events, without the scheduler's and hooks', whose order varies. */
function ownOrder(events: readonly RecordedEvent[]): readonly string[] {
  return events.map(({ type }) => type).filter((type) => !/^(scheduler|hook):/.test(type));
}

/** Holds a conversation in which everything happens; returns the ids of its requests. */
async function converse(gateway: GatewayProcess, llm: LlmServer): Promise<readonly string[]> {
  const { url } = gateway;
  await using first = await AdapterClient.connect({ ...identity, url, relay: true });
  const plain = first.say("Hello", { channelId: "talk", requestId: "r-plain" });
  await first.replyTo(plain);
  const idleFrom = Date.now();

  llm.reply(
    { toolCalls: [{ id: "c-good", name: "current_time", arguments: {} }] },
    { toolCalls: [{ id: "c-bad", name: "current_time", arguments: { timezone: "Mars/X" } }] },
    { text: "It is noon." },
  );
  const tools = first.say("What time is it?", { channelId: "tools", requestId: "r-tools" });
  await first.replyTo(tools);

  llm.reply({ text: "Begun", hang: "mid-stream" });
  const running = first.say("Never mind", { channelId: "cancel", requestId: "r-running" });
  await first.waitFor(({ type, content }) => type === "response_chunk" && content === "Begun");
  const queued = first.say("Nor this", { channelId: "cancel", requestId: "r-queued" });
  await first.waitFor(({ type, request_id }) => type === "status" && request_id === queued);
  first.cancel(queued);
  await first.replyTo(queued);
  first.cancel(running);
  await first.replyTo(running);

  llm.reply({ status: 401 });
  const failed = first.say("Fail", { channelId: "failure", requestId: "r-failed" });
  assert.equal((await first.replyTo(failed)).terminal.type, "error");

  await first.drop();
  await gateway.waitForLog(/ disconnected: /);
  await using second = await AdapterClient.connect({ ...identity, url });
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, idleFrom + 1_100 - Date.now())));
  const late = second.say("Hello again", { channelId: "talk", requestId: "r-late" });
  await second.replyTo(late);
  await admin(gateway, "/tasks/breaks/run", {});
  return [plain, tools, running, queued, failed, late];
}

Deno.test("all events of a conversation arrive once, in order, with the right variables", async () => {
  await using llm = await LlmServer.start();
  await using folder = new HooksFolder([recorder, failing], tasks);
  await using gateway = await start(folder, llm, { CLARA_SESSION_IDLE_SECONDS: "1" });
  await converse(gateway, llm);
  await folder.waitForEvents((events) => {
    const has = (wanted: string, count = 1) =>
      events.filter(({ type }) => type === wanted).length >= count;
    return has("adapter:disconnected", 2) && has("scheduler:task_error") && has("hook:error");
  });
  assert.equal((await gateway.kill("SIGTERM")).code, 0);

  const events = folder.events();
  events.forEach(checkEnvironment);
  assert.deepEqual(ownOrder(events), [
    "gateway:startup",
    "adapter:connected",
    ...["message:received", "session:start", "message:sent"],
    ...["message:received", "session:start"],
    ...["tool:start", "tool:end", "tool:start", "tool:error", "message:sent"],
    ...["message:received", "session:start", "message:received"],
    ...["message:cancelled", "message:cancelled"],
    ...["message:received", "session:start", "message:error"],
    "adapter:disconnected",
    "adapter:connected",
    ...["message:received", "session:timeout", "session:end", "session:start", "message:sent"],
    "adapter:disconnected",
    "gateway:shutdown",
  ]);
  assert.equal(events[0]!.type, "gateway:startup");
  assert.deepEqual(new Set(events.map(({ type }) => type)), new Set(eventNames));
  const times = events.map(({ timestamp }) => timestamp);
  assert.deepEqual(times, times.toSorted());
  const of = (type: string) => events.filter((event) => event.type === type);
  const data = (type: string) => of(type).map((event) => event.data);
  const who = { node_id: "adapter-1", platform: "discord", user_id: "user-1" };
  const originOf = ({ node_id, platform, user_id }: RecordedEvent) => ({
    node_id,
    platform,
    user_id,
  });

  assert.deepEqual(data("gateway:startup").map(({ address }) => address), [
    gateway.url.replace("ws://", ""),
  ]);
  assert.deepEqual(data("gateway:shutdown"), [{ reason: "SIGTERM" }]);
  for (const event of of("adapter:connected")) {
    assert.deepEqual(originOf(event), { ...who, user_id: null });
    assert.deepEqual(event.data, { capabilities: ["streaming"], resumed: false });
  }
  const conversation = events.filter(({ type }) => /^(message|session|tool):/.test(type));
  for (const event of conversation) assert.deepEqual(originOf(event), who, event.type);
  const requests = (type: string) => of(type).map(({ request_id }) => request_id);
  assert.deepEqual(requests("message:received"), [
    "r-plain",
    "r-tools",
    "r-running",
    "r-queued",
    "r-failed",
    "r-late",
  ]);
  assert.deepEqual(requests("message:cancelled"), ["r-queued", "r-running"]);
  assert.deepEqual(requests("message:error"), ["r-failed"]);
  assert.deepEqual(requests("message:sent"), ["r-plain", "r-tools", "r-late"]);
  assert.deepEqual(data("message:sent").map(({ content, tool_count }) => [content, tool_count]), [
    ["Hello", 0],
    ["It is noon.", 2],
    ["Hello again", 0],
  ]);
  assert.equal(data("message:received")[0]!.content, "Hello");
  assert.match(String(data("message:error")[0]!.code), /^llm_/);

  const [started, failing_, ...more] = of("tool:start");
  assert.deepEqual(more, []);
  assert.deepEqual(started!.data, { tool_name: "current_time", call_id: "c-good" });
  assert.deepEqual(failing_!.data, { tool_name: "current_time", call_id: "c-bad" });
  assert.equal(data("tool:end")[0]!.call_id, "c-good");
  assert.equal(data("tool:error")[0]!.call_id, "c-bad");
  assert.match(String(data("tool:error")[0]!.error), /Mars\/X/);
  for (const { type, channel_id, request_id } of events.filter(({ type }) => /^tool/.test(type))) {
    assert.deepEqual([channel_id, request_id], ["tools", "r-tools"], type);
  }

  const sessions = of("session:start");
  assert.deepEqual(sessions.map(({ channel_id }) => channel_id), [
    ...["talk", "tools", "cancel", "failure", "talk"],
  ]);
  assert.equal(new Set(sessions.map((event) => event.data.session_id)).size, 5);
  const [ended] = of("session:end");
  assert.deepEqual(ended!.data, {
    session_id: sessions[0]!.data.session_id,
    reason: "timeout",
  });
  assert.equal(data("session:timeout")[0]!.session_id, sessions[0]!.data.session_id);
  assert.ok(Number(data("session:timeout")[0]!.idle_seconds) >= 1);

  const runs = of("scheduler:task_run");
  assert.deepEqual(runs.map(({ task_name, data }) => [task_name, data.task_type]), [
    ["works", "one_shot"],
    ["breaks", "cron"],
  ]);
  assert.match(String(runs[0]!.data.fire_at), /^20\d\d-/);
  assert.equal(runs[1]!.data.fire_at, undefined);
  const [broken] = of("scheduler:task_error");
  assert.equal(broken!.task_name, "breaks");
  assert.equal(broken!.data.error, "it exited with code 5");
  assert.ok(events.indexOf(runs[1]!) < events.indexOf(broken!));

  const [hook] = of("hook:error");
  assert.equal(hook!.data.hook_name, "fails");
  assert.equal(hook!.data.failed_event, "session:end");
  assert.equal(hook!.channel_id, "talk");
  assert.ok(events.indexOf(hook!) > events.indexOf(ended!));
  for (const type of ["scheduler:task_error", "hook:error", "gateway:shutdown"]) {
    assert.equal(of(type).length, 1, type);
  }
});

Deno.test("adapters disconnected by the shutdown are reported after it, and no secret ever is", async () => {
  const secrets = {
    OPENAI_API_KEY: "sk-secret-of-the-model",
    CLARA_GATEWAY_SECRET: "secret-of-the-gateway",
    MEM0_API_KEY: "secret-of-the-memory",
    SOME_TOKEN: "secret-of-somebody-else",
  };
  await using llm = await LlmServer.start();
  await using folder = new HooksFolder([recorder, {
    name: "requests one",
    event: "gateway:shutdown",
    env: { TOKEN: "${SOME_TOKEN}" },
    command: 'printf "%s\\n" "$TOKEN" > given',
  }]);
  await Deno.writeTextFile(`${folder.path}/.env`, "DOT_ENV_SECRET=secret-of-the-file\n");
  await using gateway = await folder.start({
    cwd: folder.path,
    env: { OPENAI_BASE_URL: llm.url, ...secrets },
  });
  await using adapter = await AdapterClient.connect({
    ...identity,
    url: gateway.url,
    secret: secrets.CLARA_GATEWAY_SECRET,
  });
  await adapter.replyTo(adapter.say("Hello"));
  await folder.waitForEvents((events) => events.some(({ type }) => type === "message:sent"));
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
  const events = folder.events();
  assert.deepEqual(events.map(({ type }) => type), [
    "gateway:startup",
    "adapter:connected",
    "message:received",
    "session:start",
    "message:sent",
    "gateway:shutdown",
    "adapter:disconnected",
  ]);
  events.forEach(checkEnvironment);
  assert.ok(!/secret-|DOT_ENV/.test(JSON.stringify(events)));
  // A variable the operator lists is passed to that hook only.
  assert.deepEqual(folder.lines("given"), ["secret-of-somebody-else"]);
  assert.ok(!/secret-/.test(gateway.log.join("\n")));
});
