import assert from "node:assert/strict";
import { GatewayError } from "../../../src/domain/errors.ts";
import { PromptSubmitter } from "../../../src/automation/scheduler/prompt_submitter.ts";
import type { UserMessage } from "../../../src/domain/message.ts";
import type { Sender, Submission } from "../../../src/queue/intake.ts";
import type { Prompt } from "../../../src/automation/scheduler/prompt.ts";

const prompt: Prompt = {
  requestId: "task-digest-2026-05-01T09:00:00.000Z",
  task: "digest",
  text: "What is new?",
  to: { platform: "test", channel: "news" },
};

/** A desk before an intake that says `answer`, with these adapters connected. */
function desk({ answer = () => ({ type: "running" }), known, connected = ["one"] }: {
  readonly answer?: () => Submission;
  readonly known?: string;
  readonly connected?: readonly string[];
} = {}) {
  const taken: (readonly [Sender, UserMessage])[] = [];
  const desk = new PromptSubmitter({
    intake: {
      submit: (sender, message) => {
        taken.push([sender, message]);
        return Promise.resolve().then(answer);
      },
    },
    sessions: { nodeForChannel: () => Promise.resolve(known) },
    connected: () => connected,
  });
  return { desk, taken };
}

Deno.test("a prompt takes the way of a message, as nobody's and as a task's", async () => {
  const { desk: it, taken } = desk();
  await it.submit({ ...prompt, fallback: "later" });
  const [[sender, message]] = taken as [readonly [Sender, UserMessage]];
  assert.deepEqual(sender, { nodeId: "one", platform: "test" });
  assert.deepEqual(message.user, { id: "scheduler", name: "Scheduler" });
  assert.deepEqual(message.channel, { id: "news" });
  assert.deepEqual(message.task, { name: "digest", fallback: "later" });
  assert.deepEqual([message.requestId, message.content], [prompt.requestId, prompt.text]);
});

Deno.test("a prompt that was taken in before is taken in, also when its text has changed", async () => {
  for (
    const answer of [
      () => ({ type: "duplicate" }) as const,
      () => ({ type: "answered", seq: 1 }) as const,
      () => {
        throw new GatewayError("duplicate_conflict", "another message was sent under this id");
      },
    ]
  ) await desk({ answer }).desk.submit(prompt);
});

Deno.test("a prompt that the intake refuses is not taken in", async () => {
  for (const code of ["queue_full", "shutting_down"] as const) {
    const answer = () => {
      throw new GatewayError(code, "not now");
    };
    await assert.rejects(desk({ answer }).desk.submit(prompt), { code });
  }
});

Deno.test("a prompt goes to the node that is named, then to the channel's, then to the only one", async () => {
  const named = { ...prompt, to: { platform: "test", channel: "news", node: "named" } };
  const cases = [
    [desk({ known: "known" }), named, "named"],
    [desk({ known: "known", connected: [] }), prompt, "known"],
    [desk({ known: "known", connected: ["one", "two"] }), prompt, "known"],
    [desk({ connected: ["one"] }), prompt, "one"],
  ] as const;
  for (const [{ desk, taken }, given, nodeId] of cases) {
    await desk.submit(given);
    assert.equal(taken[0]![0].nodeId, nodeId);
  }
  await assert.rejects(
    desk({ connected: [] }).desk.submit(prompt),
    /No adapter of platform "test"/,
  );
  await assert.rejects(
    desk({ connected: ["one", "two"] }).desk.submit(prompt),
    /2 adapters of platform "test" are connected/,
  );
});
