/**
 * What users write reaches hooks only as data: every field that a user, an adapter or a model
 * controls is filled with text that a shell would execute.
 */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { type Entry, HooksFolder, type RecordedEvent, recorder } from "../support/hooks_folder.ts";
import { LlmServer } from "../support/llm/server.ts";

/** Uses data as operators do, quoted and unquoted. */
const usual: Entry = {
  name: "usual",
  event: "*",
  command: `echo "\${CLARA_EVENT_DATA}" "$CLARA_USER_ID" "\${CLARA_CHANNEL_ID}" >> usual
echo $CLARA_CONTENT $CLARA_ERROR $CLARA_TOOL_NAME $CLARA_REQUEST_ID $CLARA_PLATFORM >> usual
for word in $CLARA_NODE_ID; do [ "$word" = "$CLARA_CONTENT" ] && printf '%s\\n' "$word" >> usual
done; true`,
};

/** One line of at most 64 characters, so that ids and platforms may contain them. */
const lines = [
  "$(touch pwned)",
  "`touch pwned`",
  '"; touch pwned; "',
  "'; touch pwned; '",
  "'\"$(touch pwned)\"'",
  "x; touch pwned #",
  "| touch pwned",
  "&& touch pwned &",
  "> pwned",
  "-rf /nowhere",
  "--help",
  "${CLARA_X:=$(touch pwned)}",
  "$((`touch pwned`))",
  "%s%n\\0\\n\\x00",
  "../../pwned",
  "* ? [a-z] ~ !! {a,b}",
  "() { :; }; touch pwned",
  "ünï 😀 \u202e\u2028",
];

/** Only valid in texts. */
const texts = [
  "line\ntouch pwned\n",
  "a\r\n\ttouch pwned\x1b[31m",
  "NUL \0 touch pwned \0",
  "\0$(touch pwned)",
  "lone \ud800 touch \udc00",
  "x".repeat(1 << 20) + "$(touch pwned)",
  // No space, because the echo model sends each word on its own.
  '"$(touch${IFS}pwned)`'.repeat(50_000),
];

/** All files below a folder whose names show that a command was executed. */
function pwned(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => [
    ...(name.includes("pwned") ? [name] : []),
    ...(isDirectory ? pwned(`${folder}/${name}`) : []),
  ]);
}

/** Whether the hook has recorded the answer to a message. */
function answered(count: number) {
  return (events: readonly RecordedEvent[]) =>
    events.filter(({ type }) => type === "message:sent").length >= count;
}

Deno.test("in ids, names and texts, code is data and arrives unchanged", async () => {
  await using folder = new HooksFolder([recorder, usual]);
  await using gateway = await folder.start({ cwd: folder.path });
  for (const [index, line] of lines.entries()) {
    await using adapter = await AdapterClient.connect({
      url: gateway.url,
      nodeId: line,
      platform: line,
      capabilities: ["streaming", line],
      metadata: { [line]: line },
    });
    const id = adapter.say(line, {
      requestId: line,
      userId: line,
      channelId: line,
      user_name: line,
      channel_name: line,
      thread_id: line,
      metadata: { [line]: line },
      reply_chain: [{ role: "user", content: line, user_name: line }],
    });
    await adapter.replyTo(id);
    await folder.waitForEvents(answered(index + 1));
  }
  await folder.waitForEvents((events) =>
    events.filter(({ type }) => type === "adapter:disconnected").length === lines.length
  );
  const events = folder.events();
  for (const [index, line] of lines.entries()) {
    const event = events.filter(({ type }) => type === "message:received")[index]!;
    const { user_id, channel_id, request_id, node_id, platform, data, env } = event;
    assert.deepEqual(
      { user_id, channel_id, request_id, node_id, platform, content: data.content },
      {
        user_id: line,
        channel_id: line,
        request_id: line,
        node_id: line,
        platform: line,
        content: line,
      },
    );
    const names = ["USER_ID", "CHANNEL_ID", "REQUEST_ID", "NODE_ID", "PLATFORM", "CONTENT"];
    for (const name of names) assert.equal(env[`CLARA_${name}`], line, name);
    const connected = events.filter(({ type }) => type === "adapter:connected")[index]!;
    assert.deepEqual(connected.data.capabilities, ["streaming", line]);
  }
  await gateway.kill("SIGTERM");
  assert.deepEqual(pwned(folder.path), []);
  assert.ok(folder.lines("usual").length > lines.length);
});

Deno.test("multi-line texts, NUL, lone surrogates and a megabyte are data, too", async () => {
  await using folder = new HooksFolder([recorder, usual]);
  await using gateway = await folder.start({ cwd: folder.path });
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  for (const [index, text] of texts.entries()) {
    await adapter.replyTo(adapter.say(text), { timeoutMs: 30_000 });
    await folder.waitForEvents(answered(index + 1));
  }
  const received = folder.events().filter(({ type }) => type === "message:received");
  for (const [index, text] of texts.entries()) {
    const { data, env } = received[index]!;
    // On standard input it is complete.
    assert.ok(data.content === text, `text ${index} has changed`);
    const plain = text.replaceAll("\0", "").toWellFormed();
    const short = text.length < 10_000;
    if (short) assert.equal(env.CLARA_CONTENT, plain);
    else assert.ok(plain.startsWith(env.CLARA_CONTENT!) && env.CLARA_CONTENT!.length > 10_000);
    assert.equal(env.CLARA_EVENT_TRUNCATED, short ? undefined : "1");
    const json = JSON.parse(env.CLARA_EVENT_DATA!);
    assert.ok(short ? json.data.content === text : text.startsWith(json.data.content));
  }
  await gateway.kill("SIGTERM");
  assert.deepEqual(pwned(folder.path), []);
});

Deno.test("ids that a variable cannot hold are refused, and no hook receives them", async () => {
  await using folder = new HooksFolder([recorder]);
  await using gateway = await folder.start();
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  const wrong = ["a\0b", "a\nb", "a\x1b[31mb", "a\ud800", "x".repeat(257)];
  for (const id of wrong) {
    for (const field of ["user_id", "channel_id", "request_id"]) {
      const from = adapter.frames.length;
      adapter.send({
        type: "message",
        request_id: "good",
        user_id: "good",
        channel_id: "good",
        content: "Hello",
        [field]: id,
      });
      const answer = await adapter.waitFor(({ type }) => type === "error", { from });
      assert.equal(answer.code, "invalid_message");
    }
    const raw = await AdapterClient.connectRaw(gateway.url);
    raw.register({ nodeId: id });
    await raw.waitFor(({ type, code }) => type === "error" && code === "invalid_message");
    await raw.close();
  }
  await folder.waitForEvents((events) => events.some(({ type }) => type === "adapter:connected"));
  assert.equal((await gateway.kill("SIGTERM")).code, 0);
  const types = folder.events().map(({ type }) => type);
  assert.deepEqual(
    new Set(types),
    new Set([
      "gateway:startup",
      "adapter:connected",
      "adapter:disconnected",
      "gateway:shutdown",
    ]),
  );
});

Deno.test("tool names, arguments and results are data", async () => {
  await using llm = await LlmServer.start();
  await using folder = new HooksFolder([recorder, usual]);
  await using gateway = await folder.start({
    cwd: folder.path,
    env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url },
  });
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  const all = [...lines, ...texts.filter((text) => text.length < 1_000)];
  llm.reply({
    toolCalls: all.slice(0, 16).map((text, index) => ({
      id: `${text}${index}`,
      name: text,
      arguments: { [text]: text },
    })),
  }, {
    toolCalls: all.map((text) => ({ name: "current_time", arguments: { timezone: text } })),
  }, {
    toolCalls: all.map((text) => ({ name: "read_file", arguments: { filename: text } })),
  }, {
    toolCalls: all.map((text) => ({
      name: "create_file",
      arguments: { filename: `${text}.txt`, content: text },
    })),
  }, { text: "$(touch pwned)" });
  const { terminal } = await adapter.replyTo(adapter.say("Go"), { timeoutMs: 30_000 });
  assert.equal(terminal.content, "$(touch pwned)", terminal.message);
  const events = await folder.waitForEvents(answered(1), { timeoutMs: 60_000 });
  const errors = events.filter(({ type }) => type === "tool:error");
  const unknown = errors.filter(({ data }) => String(data.error).startsWith("There is no tool"));
  for (const text of all.slice(0, 16)) {
    const event = unknown.find(({ data }) => data.tool_name === text);
    assert.equal(event?.env.CLARA_TOOL_NAME, text);
    assert.equal(event?.env.CLARA_ERROR, `There is no tool "${text}".`);
  }
  const zones = errors.filter(({ data }) => data.tool_name === "current_time");
  assert.equal(zones.length, all.length);
  for (const { data, env } of errors) {
    assert.equal(env.CLARA_ERROR, String(data.error).replaceAll("\0", "").toWellFormed());
  }
  assert.equal(events.at(-1)!.env.CLARA_CONTENT, "$(touch pwned)");
  await gateway.kill("SIGTERM");
  // The model may create a file of this name among the user's; those are its own.
  assert.deepEqual(pwned(folder.config.hooksDir), []);
  assert.ok(![...Deno.readDirSync(folder.path)].some(({ name }) => name.includes("pwned")));
});
