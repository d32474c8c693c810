/** Turns of a gateway with the embedded memory: what it learns, and where it recalls it. */

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

/** Whether the memory asks the model for the facts of an exchange. */
function isExtraction({ messages }: ChatRequest): boolean {
  return textOf(messages[0]!).startsWith("You keep the long-term memory");
}

interface ExtractionInput {
  readonly user_said: string;
  readonly known_facts: readonly { readonly number: number; readonly text: string }[];
}

function inputOf(request: ChatRequest): ExtractionInput {
  return JSON.parse(lastText(request));
}

/** Makes the model extract each statement of the form "I …" as a fact. */
function extractFacts(llm: LlmServer): LlmServer {
  return llm.when(isExtraction, (request) => {
    const { user_said, known_facts } = inputOf(request);
    const said = /^I (.*)$/.exec(user_said)?.[1];
    const replaces = known_facts.find(({ text }) => /live/.test(text) && /live/.test(said ?? ""));
    const facts = said ? [{ text: `The user: ${said}`, replaces: replaces?.number }] : [];
    return { text: `Here you are:\n\`\`\`json\n${JSON.stringify({ facts })}\n\`\`\`` };
  });
}

async function start(llm: LlmServer): Promise<TestGateway> {
  return await TestGateway.start({ llm, config: { memory: { kind: "embedded" } } });
}

async function untilLearned(gateway: { health(): Promise<Readonly<Record<string, unknown>>> }) {
  for (;;) {
    const { memory } = await gateway.health() as { readonly memory: { readonly waiting: number } };
    if (memory.waiting === 0) return;
  }
}

function turns(llm: LlmServer): readonly ChatRequest[] {
  return llm.requests.map(({ body }) => body).filter((body) => !isExtraction(body));
}

/** Returns the memories shown in the last turn. */
function memoriesOf(llm: LlmServer): string {
  return /# Memories\n.*\n((?:- .*\n?)*)/.exec(textOf(turns(llm).at(-1)!.messages[0]!))?.[1] ?? "";
}

Deno.test("a fact from one channel is recalled in another, after a restart, for its user only", async () => {
  await using llm = extractFacts(LlmServer.start());
  await using gateway = await start(llm);
  {
    await using adapter = await gateway.connect();
    await adapter.replyTo(adapter.say("I have a cat called Byron", server));
    await untilLearned(gateway);
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

Deno.test("what was said in a DM is recalled in DMs only, even if the topic comes up elsewhere", async () => {
  await using llm = extractFacts(LlmServer.start());
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("I live in hiding in Rome", dm));
  await untilLearned(gateway);
  await adapter.replyTo(adapter.say("I live somewhere", server));
  await untilLearned(gateway);
  // The extraction for the server channel was not shown the private fact.
  const inputs = llm.requests.map(({ body }) => body).filter(isExtraction).map(inputOf);
  assert.deepEqual(inputs.map(({ known_facts }) => known_facts), [[], []]);
  for (const place of [server, { channelId: "g", channel_type: "group" }, { channelId: "x" }]) {
    await adapter.replyTo(adapter.say("Where do I live?", place));
    assert.match(memoriesOf(llm), /live somewhere/);
    assert.doesNotMatch(memoriesOf(llm), /Rome/);
  }
  await adapter.replyTo(adapter.say("Where do I live?", { channelId: "dm-2", channel_type: "dm" }));
  assert.match(memoriesOf(llm), /Rome/);
});

Deno.test("a fact that corrects a known one replaces it", async () => {
  await using llm = extractFacts(LlmServer.start());
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  for (const text of ["I live in Rome", "I live in Oslo now"]) {
    await adapter.replyTo(adapter.say(text, server));
    await untilLearned(gateway);
  }
  await adapter.replyTo(adapter.say("Where do I live?", server));
  assert.match(memoriesOf(llm), /Oslo/);
  assert.doesNotMatch(memoriesOf(llm), /Rome/);
});

Deno.test("learning delays neither its own turn nor the next", async () => {
  await using llm = LlmServer.start();
  llm.when(isExtraction, { hang: "before-headers" });
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  for (const word of ["one", "two", "three"]) {
    const { terminal } = await adapter.replyTo(adapter.say(word, dm));
    assert.equal(terminal.content, word);
  }
  assert.equal(
    llm.requests.filter(({ body }) => isExtraction(body)).length,
    1,
    "one at a time per user",
  );
});

/** Checks that an exchange is dropped if the model answers like this. */
async function assertDropped(reply: Reply): Promise<void> {
  await using llm = LlmServer.start();
  llm.when(isExtraction, reply);
  await using gateway = await start(llm);
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("Hello", dm));
  await untilLearned(gateway);
  const { memory } = await gateway.health() as { readonly memory: Record<string, unknown> };
  assert.equal(memory.dropped, 1);
  assert.equal(llm.requests.filter(({ body }) => isExtraction(body)).length, 3);
}

Deno.test("an exchange is dropped after three answers without JSON", async () => {
  await assertDropped({ text: "I know nothing." });
});

Deno.test("an exchange is dropped after the content filter blocked it three times", async () => {
  await assertDropped({ finish: "content_filter" });
});

Deno.test("with the echo model whole exchanges are stored", async () => {
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { memory: { kind: "embedded" } },
  });
  await using adapter = await gateway.connect();
  await adapter.replyTo(adapter.say("I have a cat called Byron", dm));
  await untilLearned(gateway);
  const response = await fetch(`${gateway.httpUrl}/admin/memory?user=test:user-1`);
  const { memories } = await response.json();
  assert.deepEqual(memories.map(({ text }: { readonly text: string }) => text), [
    "I have a cat called Byron",
  ]);
});

Deno.test("an exchange is learned once if the gateway is killed while learning", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  const env = { CLARA_MEMORY: "embedded" };
  let extractions = 0;
  llm.when(isExtraction, (request) => {
    if (extractions++ === 0) return { hang: "before-headers" };
    return { text: JSON.stringify({ facts: [{ text: inputOf(request).user_said }] }) };
  });
  await using killed = await startGateway(llm, folder, env);
  await using before = await AdapterClient.connect({ url: killed.url, nodeId: "node-1" });
  await before.replyTo(before.say("I row on Sundays", dm));
  while (!llm.requests.some(({ body }) => isExtraction(body))) await llm.nextRequest();
  await killed.kill();

  await using gateway = await startGateway(llm, folder, env);
  await untilLearned(gateway);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId: "node-1" });
  await adapter.replyTo(adapter.say("What do I do on Sundays?", dm));
  assert.equal(memoriesOf(llm).match(/I row on Sundays/g)?.length, 1);
});
