/** One call of a tool: whatever goes wrong with it becomes a result that tells the model. */

import assert from "node:assert/strict";
import * as z from "zod";
import { EventBus, type GatewayEvent } from "../../src/domain/events.ts";
import { defineTool, type Tool, type ToolOutput, type ToolRun } from "../../src/tools/tool.ts";
import { ToolExecutor } from "../../src/tools/executor.ts";
import { type PolicyAction, ToolPolicy } from "../../src/tools/policy.ts";
import { ToolRegistry } from "../../src/tools/registry.ts";
import { within } from "../support/deadline.ts";

const context = {
  nodeId: "n",
  platform: "p",
  requestId: "r",
  userId: "u",
  channelId: "c",
  channelKey: "p:c",
  sessionId: "s",
  message: { requestId: "r", user: { id: "u" }, channel: { id: "c" } },
};

/** A tool named `probe` that does what the test says. */
function probe(
  run: (run: ToolRun) => Promise<ToolOutput> | ToolOutput,
  fields: Partial<Pick<Tool, "timeoutMs">> = {},
): Tool {
  return defineTool({
    name: "probe",
    description: "Probes",
    risk: "read",
    emoji: "🔧",
    input: z.object({ text: z.string().default("") }),
    describe: ({ text }) => `Probing “${text}”`,
    run: (_, toolRun) => run(toolRun),
    ...fields,
  });
}

function setUp(tool: Tool, action: PolicyAction = "allow") {
  const events = new EventBus();
  const seen: GatewayEvent[] = [];
  events.subscribe((event) => seen.push(event));
  const questions: string[] = [];
  const executor = new ToolExecutor({
    registry: new ToolRegistry([tool]),
    policy: new ToolPolicy([{ action }]),
    approver: {
      ask: ({ description }) => {
        questions.push(description);
        return Promise.resolve({ approved: false, why: "not today." });
      },
    },
    events,
    timeoutMs: 1_000,
    outputChars: 100,
  });
  const abort = new AbortController();
  const call = (json = "{}", name = "probe") =>
    executor.execute({ id: "1", name, arguments: json }, context, abort.signal);
  return { executor, call, abort, questions, names: () => seen.map(({ name }) => name) };
}

Deno.test("a tool's text and files are its result", async () => {
  const file = { filename: "a", mediaType: "text/plain", base64: "" };
  const { call, names } = setUp(probe(({ sendFile }) => {
    sendFile(file);
    return "fine";
  }));
  const { content, isError, files } = await call();
  assert.deepEqual({ content, isError, files }, { content: "fine", isError: false, files: [file] });
  assert.deepEqual(names(), ["tool:start", "tool:end"]);
});

const failures: readonly (readonly [name: string, run: () => ToolOutput, says: string])[] = [
  ["throws an error", () => {
    throw new Error("no luck");
  }, "no luck"],
  ["throws a text", () => {
    throw "just words";
  }, "just words"],
  ["says that it failed", () => ({ content: "sorry", isError: true }), "sorry"],
];

for (const [name, run, says] of failures) {
  Deno.test(`a tool that ${name} is a failure with its words, without files`, async () => {
    const { call, names } = setUp(probe(({ sendFile }) => {
      sendFile({ filename: "a", mediaType: "text/plain", base64: "" });
      return run();
    }));
    const { content, isError, files } = await call();
    assert.deepEqual([content, isError, files], [says, true, []]);
    assert.deepEqual(names(), ["tool:start", "tool:error"]);
  });
}

Deno.test("a tool that never ends is left at its time-out, and its signal aborts", async () => {
  let aborted = false;
  const { call } = setUp(
    probe(({ signal }) => {
      signal.addEventListener("abort", () => aborted = true);
      return new Promise(() => {});
    }, { timeoutMs: 20 }),
  );
  const { content, isError } = await within(call(), { timeoutMs: 900, what: "the time-out" });
  assert.equal(content, '"probe" took longer than 0.02 seconds and was ended.');
  assert.ok(isError && aborted);
});

Deno.test("an aborted turn throws its reason, even where the tool takes no notice", async () => {
  const { call, abort, names } = setUp(probe(() => new Promise(() => {})));
  const running = call();
  abort.abort(new Error("cancelled by user"));
  await assert.rejects(running, /cancelled by user/);
  await assert.rejects(call(), /cancelled by user/);
  assert.deepEqual(names(), ["tool:start", "tool:error", "tool:start", "tool:error"]);
});

Deno.test("a flood of output is cut, and the model told how much there was", async () => {
  const { content } = await setUp(probe(() => "x".repeat(1_000_000))).call();
  assert.match(content, /^x{100}\n\[999900 of 1000000 characters were cut off\./);
});

Deno.test("wrong arguments do not reach the tool", async () => {
  const { call } = setUp(probe(() => assert.fail("it ran")));
  assert.match((await call("{")).content, /Cannot call "probe": the arguments are not valid JSON/);
  assert.match((await call('{"text":7}')).content, /Cannot call "probe": "text": /);
  assert.match((await call("[]")).content, /Cannot call "probe": /);
});

Deno.test("a denied tool is as good as none", async () => {
  const { call, executor } = setUp(probe(() => assert.fail("it ran")), "deny");
  assert.deepEqual(executor.declarations(context), []);
  const denied = await call();
  const unknown = await call("{}", "nothing");
  assert.equal(denied.content, 'There is no tool "probe".');
  assert.equal(unknown.content, 'There is no tool "nothing".');
});

Deno.test("a person's refusal is told, and wrong arguments are not asked about", async () => {
  const { call, questions, executor } = setUp(probe(() => assert.fail("it ran")), "ask");
  assert.equal(executor.declarations(context).length, 1);
  assert.equal((await call('{"text":"x"}')).content, '"probe" was not run: not today.');
  await call('{"text":7}');
  assert.deepEqual(questions, ["Probing “x”"]);
});
