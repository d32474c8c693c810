import assert from "node:assert/strict";
import { GatewayError } from "../../../src/domain/errors.ts";
import { type Prompt, PromptSubmitter } from "../../../src/automation/scheduler/prompt.ts";
import type { UserMessage } from "../../../src/domain/message.ts";
import type { Sender, Submission } from "../../../src/queue/intake.ts";

const prompt: Prompt = {
  requestId: "task-digest-2026-05-01T09:00:00.000Z",
  task: "digest",
  text: "What is new?",
  to: { platform: "test", channel: "news" },
};

/** Returns a submitter with an intake that returns `answer`, and what it submitted. */
function submitterWith({ answer = () => ({ type: "running" }), known, connected = ["one"] }: {
  readonly answer?: () => Submission;
  readonly known?: string;
  readonly connected?: readonly string[];
} = {}) {
  const submitted: (readonly [Sender, UserMessage])[] = [];
  const submitter = new PromptSubmitter({
    intake: {
      submit: (sender, message) => {
        submitted.push([sender, message]);
        return Promise.resolve().then(answer);
      },
    },
    sessions: { nodeForChannel: () => Promise.resolve(known) },
    connected: () => connected,
  });
  return { submitter, submitted };
}

Deno.test("a prompt becomes a message of the scheduler's user with the task's name", async () => {
  const { submitter, submitted } = submitterWith();
  await submitter.submit({ ...prompt, fallback: "later" });
  const [[sender, message]] = submitted as [readonly [Sender, UserMessage]];
  assert.deepEqual(sender, { nodeId: "one", platform: "test" });
  assert.deepEqual(message.user, { id: "scheduler", name: "Scheduler" });
  assert.deepEqual(message.channel, { id: "news" });
  assert.deepEqual(message.task, { name: "digest", fallback: "later" });
  assert.deepEqual([message.requestId, message.content], [prompt.requestId, prompt.text]);
});

Deno.test("submitting an accepted prompt again succeeds, even with another text", async () => {
  for (
    const answer of [
      () => ({ type: "duplicate" }) as const,
      () => ({ type: "answered", seq: 1 }) as const,
      () => {
        throw new GatewayError("duplicate_conflict", "another message was sent under this id");
      },
    ]
  ) await submitterWith({ answer }).submitter.submit(prompt);
});

Deno.test("a rejection by the intake is passed on", async () => {
  for (const code of ["queue_full", "shutting_down"] as const) {
    const answer = () => {
      throw new GatewayError(code, "not now");
    };
    await assert.rejects(submitterWith({ answer }).submitter.submit(prompt), { code });
  }
});

Deno.test("a prompt goes to the named node, else the channel's last one, else the only one", async () => {
  const named = { ...prompt, to: { platform: "test", channel: "news", node: "named" } };
  const cases = [
    [submitterWith({ known: "known", connected: ["one", "named"] }), named, "named"],
    [submitterWith({ known: "known", connected: [] }), prompt, "known"],
    [submitterWith({ known: "known", connected: ["one", "known"] }), prompt, "known"],
    [submitterWith({ connected: ["one"] }), prompt, "one"],
  ] as const;
  for (const [{ submitter, submitted }, given, nodeId] of cases) {
    await submitter.submit(given);
    assert.equal(submitted[0]![0].nodeId, nodeId);
  }
  await assert.rejects(
    submitterWith({ connected: [] }).submitter.submit(prompt),
    /no adapter of platform "test" is connected/,
  );
  await assert.rejects(
    submitterWith({ connected: ["one", "two"] }).submitter.submit(prompt),
    /2 adapters of platform "test" are connected/,
  );
});

const reminder = {
  ...prompt,
  to: { nodeId: "gone", platform: "test", user: { id: "ann" }, channel: { id: "news" } },
} as const;

for (
  const [name, options, expected] of [
    ["is kept if it is connected", { connected: ["other", "gone"] }, "gone"],
    ["is replaced by the one that last used the channel", {
      connected: ["a", "b"],
      known: "b",
    }, "b"],
    ["is replaced by any other of its platform", { connected: ["a", "b"], known: "x" }, "a"],
    ["is kept if no adapter of its platform is connected", { connected: [] }, "gone"],
  ] as const
) {
  Deno.test(`the node that a reminder is addressed to ${name}`, async () => {
    const { submitter, submitted } = submitterWith(options);
    await submitter.submit(reminder);
    assert.equal(submitted[0]![0].nodeId, expected);
  });
}
