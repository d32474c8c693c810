/** Tool calls: they run, the adapter sees them, and the model gets the results. */

import assert from "node:assert/strict";
import { textOf } from "../support/llm/chat_request.ts";
import type { RecordedRequest } from "../support/llm/server.ts";
import { TestGateway } from "../support/test_gateway.ts";

/** The results of calls shown to the model: id and text of each tool message, in order. */
function toolResults({ body }: RecordedRequest): readonly (readonly [string, string])[] {
  return body.messages.filter(({ role }) => role === "tool")
    .map((message) => [message.tool_call_id!, textOf(message)]);
}

Deno.test("a tool's call and result are shown to the adapter and the model", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({
    text: "Let me look. ",
    toolCalls: [{ id: "t1", name: "current_time", arguments: { timezone: "Europe/Berlin" } }],
  }, { text: "It is noon.", usage: { prompt_tokens: 100, completion_tokens: 10 } });
  const { frames, text, terminal } = await adapter.replyTo(adapter.say("What time is it?"));
  const steps = frames.filter(({ type }) => type === "tool_status");
  assert.deepEqual(steps.map(({ status }) => status), ["running", "completed"]);
  for (const step of steps) {
    assert.equal(step.tool_name, "current_time");
    assert.equal(step.call_id, "t1");
    assert.equal(step.step, 1);
    assert.equal(step.description, "Looking up the time in Europe/Berlin");
  }
  assert.match(String(steps[1]!.output_preview), /20\d\d/);
  assert.equal(typeof steps[1]!.duration_ms, "number");
  assert.equal(terminal.content, "Let me look. \n\nIt is noon.");
  assert.equal(text, terminal.content);
  assert.equal(terminal.tool_count, 1);
  assert.deepEqual(terminal.usage, { input_tokens: 111, output_tokens: 17 });

  const [first, second] = gateway.llm.requests;
  const offered = first!.body.tools!.map((tool) => tool.function.name).sort();
  // The others write, run code or use the network: tools.yaml must allow them.
  assert.deepEqual(offered, [
    "cancel_reminder",
    "create_file",
    "current_time",
    "get_history",
    "list_files",
    "list_reminders",
    "read_file",
    "recall",
    "remember",
    "schedule_reminder",
    "search_history",
    "send_file",
  ]);
  const [called, told] = second!.body.messages.slice(-2);
  assert.equal(textOf(called!), "Let me look. ");
  assert.equal(called!.tool_calls![0]!.id, "t1");
  assert.equal(told!.tool_call_id, "t1");
  assert.match(textOf(told!), /20\d\d-\d\d-\d\dT/);
});

Deno.test("a file made by the model is attached to the end of the reply", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const content = "name,größe\nAda,1.7\n";
  gateway.llm.reply({
    toolCalls: [{ name: "create_file", arguments: { filename: "people.csv", content } }],
  }, { text: "Here it is." });
  const { terminal } = await adapter.replyTo(adapter.say("Make a table"));
  const bytes = new TextEncoder().encode(content);
  assert.deepEqual(terminal.files, [{
    filename: "people.csv",
    content_base64: btoa(String.fromCharCode(...bytes)),
    media_type: "text/csv",
  }]);
});

Deno.test("the model finds an earlier message of the channel, and none of another", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({ text: "Noted." }, { text: "Noted." });
  await adapter.replyTo(adapter.say("The password of the shed is Rhabarber"));
  await adapter.replyTo(adapter.say("A shed of another channel", { channelId: "other" }));
  gateway.llm.reply({
    toolCalls: [{ name: "search_history", arguments: { query: 'shed" OR *' } }],
  }, {
    toolCalls: [{ name: "search_history", arguments: { query: "shed" } }],
  }, { text: "Rhabarber" });
  await adapter.replyTo(adapter.say("What was it?"));
  const results = toolResults(gateway.llm.requests.at(-1)!);
  assert.match(results[0]![1], /^No message in this channel contains/);
  assert.match(results[1]![1], /^\[20\S+Z\] user-1: The password of the shed is Rhabarber$/);
});

Deno.test("the results of ten concurrent calls reach the model in the order of the calls", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  const zones = Array.from({ length: 10 }, (_, index) => `Etc/GMT+${index}`);
  gateway.llm.reply({
    toolCalls: zones.map((timezone) => ({ name: "current_time", arguments: { timezone } })),
  }, { text: "Done" });
  const { frames, terminal } = await adapter.replyTo(adapter.say("All the times"));
  assert.equal(terminal.tool_count, 10);
  const running = frames.filter(({ status }) => status === "running");
  assert.deepEqual(running.map(({ step }) => step), zones.map((_, index) => index + 1));
  const completed = frames.filter(({ status }) => status === "completed");
  assert.deepEqual(new Set(completed.map(({ step }) => step)).size, 10);
  const ids = zones.map((_, position) => `call_0_${position}`);
  const [, second] = gateway.llm.requests;
  assert.deepEqual(toolResults(second!).map(([id]) => id), ids);
  assert.deepEqual(second!.body.messages.at(-11)!.tool_calls!.map(({ id }) => id), ids);
});

Deno.test("the model is told of an impossible call, and the turn goes on", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.reply({
    toolCalls: [
      { name: "teleport", arguments: {} },
      { name: "current_time", arguments: '{"timezone": "Eur' },
      { name: "create_file", arguments: { filename: "../../etc/passwd", content: 7 } },
      { name: "current_time", arguments: { timezone: "Mars/Olympus" } },
      { name: "current_time", arguments: [] },
    ],
  }, { text: "I could not." });
  const { frames, terminal } = await adapter.replyTo(adapter.say("Do the impossible"));
  assert.equal(terminal.content, "I could not.");
  assert.equal(frames.filter(({ status }) => status === "failed").length, 5);
  const texts = toolResults(gateway.llm.requests[1]!).map(([, text]) => text);
  assert.match(texts[0]!, /no tool "teleport"/);
  assert.match(texts[1]!, /not valid JSON/);
  assert.match(texts[2]!, /"filename": expected a name without a folder; "content": /);
  assert.match(texts[3]!, /Mars\/Olympus/);
  assert.match(texts[4]!, /Cannot call "current_time"/);
});

Deno.test("a result that is too long is cut, and the model is told", async () => {
  await using gateway = await TestGateway.start({ config: { limits: { toolOutputChars: 200 } } });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say(`needle ${"hay ".repeat(200)}`));
  gateway.llm.reply({
    toolCalls: [{ name: "search_history", arguments: { query: "needle" } }],
  });
  await adapter.replyTo(adapter.say("Find it"));
  const [[, text]] = toolResults(gateway.llm.requests[2]!) as [readonly [string, string]];
  assert.match(text, /characters were cut off\. Ask for less/);
  assert.ok(text.length < 350);
});

for (const obeys of [true, false]) {
  const name = obeys ? "answers then has its answer shown" : "calls on ends with tool_limit";
  Deno.test(`at the limit of rounds no tool may be called, and a model that ${name}`, async () => {
    await using gateway = await TestGateway.start({ config: { limits: { toolRounds: 3 } } });
    await using adapter = await gateway.connect();
    const call = { toolCalls: [{ name: "current_time", arguments: {} }] };
    gateway.llm.reply(call, call, call, obeys ? { text: "Enough." } : call);
    const { terminal } = await adapter.replyTo(adapter.say("Loop"));
    assert.equal(gateway.llm.requests.length, 4);
    const bodies = gateway.llm.requests.map(({ body }) => body);
    assert.deepEqual(bodies.map((body) => body.tool_choice), [...Array(3), "none"]);
    // Providers refuse a history with calls but without the tools.
    assert(bodies.every(({ tools }) => tools !== undefined));
    if (obeys) assert.equal(terminal.content, "Enough.");
    else assert.equal(terminal.code, "tool_limit");
    const next = await adapter.replyTo(adapter.say("Still there?"));
    assert.equal(next.text, "Still there?");
  });
}

Deno.test("seventy-five rounds of calls are allowed, as documented", async () => {
  await using gateway = await TestGateway.start();
  await using adapter = await gateway.connect();
  gateway.llm.when(
    ({ tool_choice }) => tool_choice !== "none",
    { toolCalls: [{ name: "current_time", arguments: {} }] },
  ).when(() => true, { text: "That was long." });
  const { terminal } = await adapter.replyTo(adapter.say("Loop"), { timeoutMs: 30_000 });
  assert.equal(terminal.content, "That was long.");
  assert.equal(terminal.tool_count, 75);
  assert.equal(gateway.llm.requests.length, 76);
});
