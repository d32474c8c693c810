/** Turns of a gateway that remembers by itself: what the small model learns, and where it is told. */

import assert from "node:assert/strict";
import { AdapterClient } from "../../support/adapter/client.ts";
import { type ChatRequest, lastText, textOf } from "../../support/llm/chat_request.ts";
import { startGateway } from "../../support/process/gateway_process.ts";
import type { Reply } from "../../support/llm/reply.ts";
import { LlmServer } from "../../support/llm/server.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

const dm = { channelId: "dm-1", channel_type: "dm" } as const;
const server = { channelId: "general", channel_type: "server" } as const;

/** Whether the memory asks for the facts of an exchange. */
function isLesson({ messages }: ChatRequest): boolean {
  return textOf(messages[0]!).startsWith("You keep the long-term memory");
}

interface LessonText {
  readonly user_said: string;
  readonly known_facts: readonly { readonly number: number; readonly text: string }[];
}

function lessonOf(request: ChatRequest): LessonText {
  return JSON.parse(lastText(request));
}

/** A model that takes each statement of the form "I …" for a fact. */
function learning(llm: LlmServer): LlmServer {
  return llm.when(isLesson, (request) => {
    const { user_said, known_facts } = lessonOf(request);
    const said = /^I (.*)$/.exec(user_said)?.[1];
    const replaces = known_facts.find(({ text }) => /live/.test(text) && /live/.test(said ?? ""));
    const facts = said ? [{ text: `The user: ${said}`, replaces: replaces?.number }] : [];
    return { text: `Here you are:\n\`\`\`json\n${JSON.stringify({ facts })}\n\`\`\`` };
  });
}

async function start(llm: LlmServer): Promise<TestGateway> {
  return await TestGateway.start({ llm, config: { memory: { kind: "embedded" } } });
}

async function waiting(gateway: { health(): Promise<Readonly<Record<string, unknown>>> }) {
  for (;;) {
    const { memory } = await gateway.health() as { readonly memory: { readonly waiting: number } };
    if (memory.waiting === 0) return;
  }
}

function turns(llm: LlmServer): readonly ChatRequest[] {
  return llm.requests.map(({ body }) => body).filter((body) => !isLesson(body));
}

/** The memories of the newest turn. */
function memoriesOf(llm: LlmServer): string {
  return /# Memories\n.*\n((?:- .*\n?)*)/.exec(textOf(turns(llm).at(-1)!.messages[0]!))?.[1] ?? "";
}

Deno.test("a fact told in one channel is known in another, after a restart, to its user only", async () => {
  await using llm = learning(LlmServer.start());
  await using gateway = await start(llm);
  {
    await using adapter = await gateway.connect();
    await adapter.replyTo(adapter.say("I have a cat called Byron", server));
    await waiting(gateway);
  }
  await gateway.restart();
  await using adapter = await gateway.connect();
  const elsewhere = { channelId: "other", channel_type: "group" } as const;
  await adapter.replyTo(adapter.say("What is my cat called?", elsewhere));
  assert.match(memoriesOf(llm), /- \[\d{4}-\d\d-\d\d\] The user: have a cat called Byron/);
  await adapter.replyTo(adapter.say("What is my cat called?", { ...elsewhere, userId: "user-2" }));
  assert.equal(memoriesOf(llm), "");
  await using other = await gateway.connect({ platform: "other" });
  await other.replyTo(other.say("What is my cat called?", elsewhere));
  assert.equal(memoriesOf(llm), "");
});

Deno.test("what was said in a DM is told there alone, whatever is said about it elsewhere", async () => {
  await using llm = learning(LlmServer.start());
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("I live in hiding in Rome", dm));
  await waiting(gateway);
  await adapter.replyTo(adapter.say("I live somewhere", server));
  await waiting(gateway);
  // The model that learns in the server was not shown what was said in private.
  const lessons = llm.requests.map(({ body }) => body).filter(isLesson).map(lessonOf);
  assert.deepEqual(lessons.map(({ known_facts }) => known_facts), [[], []]);
  for (const place of [server, { channelId: "g", channel_type: "group" }, { channelId: "x" }]) {
    await adapter.replyTo(adapter.say("Where do I live?", place));
    assert.match(memoriesOf(llm), /live somewhere/);
    assert.doesNotMatch(memoriesOf(llm), /Rome/);
  }
  await adapter.replyTo(adapter.say("Where do I live?", { channelId: "dm-2", channel_type: "dm" }));
  assert.match(memoriesOf(llm), /Rome/);
});

Deno.test("a fact that corrects a known one takes its place", async () => {
  await using llm = learning(LlmServer.start());
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  for (const text of ["I live in Rome", "I live in Oslo now"]) {
    await adapter.replyTo(adapter.say(text, server));
    await waiting(gateway);
  }
  await adapter.replyTo(adapter.say("Where do I live?", server));
  assert.match(memoriesOf(llm), /Oslo/);
  assert.doesNotMatch(memoriesOf(llm), /Rome/);
});

Deno.test("learning holds up neither its turn nor the next one", async () => {
  await using llm = LlmServer.start();
  llm.when(isLesson, { hang: "before-headers" });
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  for (const word of ["one", "two", "three"]) {
    const { terminal } = await adapter.replyTo(adapter.say(word, dm));
    assert.equal(terminal.content, word);
  }
  assert.equal(llm.requests.filter(({ body }) => isLesson(body)).length, 1, "one of a user");
});

/** Has the small model answer so, and sees the exchange given up. */
async function assertGivenUp(reply: Reply): Promise<void> {
  await using llm = LlmServer.start();
  llm.when(isLesson, reply);
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Hello", dm));
  await waiting(gateway);
  const { memory } = await gateway.health() as { readonly memory: Record<string, unknown> };
  assert.equal(memory.dropped, 1);
  assert.equal(llm.requests.filter(({ body }) => isLesson(body)).length, 3);
}

Deno.test("what the model answers in no form at all is given up after three times", async () => {
  await assertGivenUp({ text: "I know nothing." });
});

Deno.test("what the provider's filter holds back is given up after three times, too", async () => {
  await assertGivenUp({ finish: "content_filter" });
});

Deno.test("with the echo model exchanges are kept as they are", async () => {
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { memory: { kind: "embedded" } },
  });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("I have a cat called Byron", dm));
  await waiting(gateway);
  const response = await fetch(`${gateway.httpUrl}/admin/memory?user=test:user-1`);
  const { memories } = await response.json();
  assert.deepEqual(memories.map(({ text }: { readonly text: string }) => text), [
    "I have a cat called Byron",
  ]);
});

Deno.test("a gateway that is killed while it learns has learned once after the next start", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  const env = { CLARA_MEMORY: "embedded" };
  let lessons = 0;
  llm.when(isLesson, (request) => {
    if (lessons++ === 0) return { hang: "before-headers" };
    return { text: JSON.stringify({ facts: [{ text: lessonOf(request).user_said }] }) };
  });
  await using killed = await startGateway(llm, folder, env);
  await using before = await AdapterClient.connect({ url: killed.url, nodeId: "node-1" });
  await before.replyTo(before.say("I row on Sundays", dm));
  while (!llm.requests.some(({ body }) => isLesson(body))) await llm.nextRequest();
  await killed.kill();

  await using gateway = await startGateway(llm, folder, env);
  await waiting(gateway);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "node-1" });
  await adapter.replyTo(adapter.say("What do I do on Sundays?", dm));
  assert.equal(memoriesOf(llm).match(/I row on Sundays/g)?.length, 1);
});
