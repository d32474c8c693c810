/** Every failure of a tool call becomes a result for the model. */

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

/** A tool named `probe` that runs the given function. */
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

Deno.test("the text and files of a tool are its result", async () => {
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
  ["throws a string", () => {
    throw "just words";
  }, "just words"],
  ["returns an error", () => ({ content: "sorry", isError: true }), "sorry"],
];

for (const [name, run, says] of failures) {
  Deno.test(`a tool that ${name} fails with that text and sends no files`, async () => {
    const { call, names } = setUp(probe(({ sendFile }) => {
      sendFile({ filename: "a", mediaType: "text/plain", base64: "" });
      return run();
    }));
    const { content, isError, files } = await call();
    assert.deepEqual([content, isError, files], [says, true, []]);
    assert.deepEqual(names(), ["tool:start", "tool:error"]);
  });
}

Deno.test("a tool that never ends is abandoned at its time-out, and its signal aborts", async () => {
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

Deno.test("aborting the turn throws its reason even if the tool ignores the signal", async () => {
  const { call, abort, names } = setUp(probe(() => new Promise(() => {})));
  const running = call();
  abort.abort(new Error("cancelled by user"));
  await assert.rejects(running, /cancelled by user/);
  await assert.rejects(call(), /cancelled by user/);
  assert.deepEqual(names(), ["tool:start", "tool:error", "tool:start", "tool:error"]);
});

Deno.test("long output is cut, and the model is told how much is missing", async () => {
  const { content } = await setUp(probe(() => "x".repeat(1_000_000))).call();
  assert.match(content, /^x{100}\n\[999900 of 1000000 characters were cut off\./);
});

Deno.test("invalid arguments do not reach the tool", async () => {
  const { call } = setUp(probe(() => assert.fail("it ran")));
  assert.match((await call("{")).content, /Cannot call "probe": the arguments are not valid JSON/);
  assert.match((await call('{"text":7}')).content, /Cannot call "probe": "text": /);
  assert.match((await call("[]")).content, /Cannot call "probe": /);
});

Deno.test("a denied tool looks like one that does not exist", async () => {
  const { call, executor } = setUp(probe(() => assert.fail("it ran")), "deny");
  assert.deepEqual(executor.declarations(context), []);
  const denied = await call();
  const unknown = await call("{}", "nothing");
  assert.equal(denied.content, 'There is no tool "probe".');
  assert.equal(unknown.content, 'There is no tool "nothing".');
});

Deno.test("a refused approval is reported, and invalid arguments ask for none", async () => {
  const { call, questions, executor } = setUp(probe(() => assert.fail("it ran")), "ask");
  assert.equal(executor.declarations(context).length, 1);
  assert.equal((await call('{"text":"x"}')).content, '"probe" was not run: not today.');
  await call('{"text":7}');
  assert.deepEqual(questions, ["Probing “x”"]);
});
