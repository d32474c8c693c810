/** Summaries run in the background, survive a crash and belong to sessions. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { AdapterClient } from "../support/adapter/client.ts";
import { type ChatRequest, lastText, textOf } from "../support/llm/chat_request.ts";
import { within } from "../support/deadline.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { ModelsFolder } from "../support/models_folder.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { TestGateway } from "../support/test_gateway.ts";

const contextTokens = 8_000;
/** More messages than the window has room for. */
const long = " and so on".repeat(150);

const isSummary = ({ messages }: ChatRequest) =>
  textOf(messages[0]!).startsWith("You keep the notes");

const system = ({ messages }: ChatRequest) => textOf(messages[0]!);

async function converse(adapter: AdapterClient, words: readonly string[]): Promise<void> {
  for (const word of words) {
    const { terminal } = await adapter.replyTo(adapter.say(word + long));
    assert.equal(terminal.type, "response_end");
  }
}

/** The words of the lines to be summarized. */
function summarizedWords(request: ChatRequest): readonly string[] {
  const [, lines] = lastText(request).split("# Lines\n");
  return [...lines!.matchAll(/^user-1: (\S+)/gm)].map((match) => match[1]!);
}

/** Resolves when a gateway's store has a summary. */
async function summaryStored(dataDir: string): Promise<void> {
  const database = new DatabaseSync(join(dataDir, "gateway.db"), { readOnly: true });
  const count = database.prepare("SELECT count(*) AS count FROM summaries");
  const poll = async () => {
    while (count.get()!.count === 0) await pause(5);
  };
  try {
    await within(poll(), { what: "a summary in the store" });
  } finally {
    database.close();
  }
}

const words = Array.from({ length: 16 }, (_, index) => `word-${index}`);

Deno.test("a model that hangs on a summary blocks no turn", async () => {
  await using llm = await LlmServer.start();
  llm.when(isSummary, { hang: "before-headers" });
  llm.when(() => true, { text: "Yes." });
  await using gateway = await TestGateway.start({ llm, config: { llm: { contextTokens } } });
  await using adapter = await gateway.connect();
  await converse(adapter, words);
  const asked = llm.requests.filter(({ body }) => isSummary(body));
  // One at a time, still running; stopping the gateway does not wait for it.
  assert.equal(asked.length, 1);
  await gateway.stop();
  await asked[0]!.closedByClient;
});

Deno.test("a summary interrupted by a crash is made again, without repeated or missing lines", async () => {
  await using folder = new TempFolder();
  await using llm = await LlmServer.start();
  let healthy = false;
  const seen: string[] = [];
  llm.when((request) => isSummary(request) && !healthy, { hang: "before-headers" });
  llm.when(isSummary, (request) => {
    seen.push(...summarizedWords(request));
    return { text: "The notes." };
  });
  llm.when(() => true, { text: "Yes." });
  const env = {
    OPENAI_BASE_URL: llm.url,
    CLARA_CONTEXT_TOKENS: String(contextTokens),
  };
  const dataDir = `${folder.path}/data`;
  {
    await using gateway = await GatewayProcess.start({ env, dataDir });
    await using adapter = await AdapterClient.connect({ url: gateway.url });
    await converse(adapter, words);
    await llm.waitForRequest(isSummary);
    await gateway.kill();
  }
  healthy = true;
  await using gateway = await GatewayProcess.start({ env, dataDir });
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  await converse(adapter, ["word-16"]);
  await summaryStored(dataDir);
  await converse(adapter, ["word-17"]);
  assert.deepEqual(seen, seen.map((_, index) => `word-${index}`));
  const last = llm.requests.findLast(({ body }) => !isSummary(body))!.body;
  assert.match(system(last), /The notes\./);
  const [, oldest] = last.messages.map(textOf);
  const number = Number(/^word-(\d+) /.exec(oldest!)?.[1]);
  assert.ok(number > 0 && number <= seen.length, `${number} of ${seen.length}`);
});

Deno.test("neither one long message nor one turn of a small model causes a summary if there is room otherwise", async () => {
  await using llm = await LlmServer.start();
  await using small = await LlmServer.start();
  for (const server of [llm, small]) {
    server.when(isSummary, { text: "The notes." });
    server.when(() => true, { text: "Yes." });
  }
  await using folder = new ModelsFolder({
    main: { server: llm, model: { context_tokens: contextTokens } },
    small: { server: small, model: { context_tokens: 3_200 } },
  }, { tiers: { mid: "main", low: "small" } });
  await using gateway = await TestGateway.start({ llm, config: folder.config });
  await using adapter = await gateway.connect();
  const short = " and so on".repeat(30);
  for (const word of words.slice(0, 8)) await adapter.replyTo(adapter.say(word + short));
  const exceptions = [`Read this${" and this".repeat(1_750)}`, "!low Hello"];
  for (const exception of exceptions) {
    const { terminal } = await adapter.replyTo(adapter.say(exception));
    assert.equal(terminal.type, "response_end");
    // Jobs run after their turn; the following turns give them time.
    for (const word of ["So", "and", "so"]) await adapter.replyTo(adapter.say(word));
  }
  const asked = [...llm.requests, ...small.requests].filter(({ body }) => isSummary(body));
  assert.deepEqual(asked.map(({ body }) => summarizedWords(body)), []);
  assert.match(llm.requests.at(-1)!.body.messages.map(textOf).join("\n"), /^word-0 and so on/m);
});

Deno.test("an ended session leaves a summary to the same user's next session there, and to nobody else", async () => {
  await using llm = await LlmServer.start();
  llm.when(isSummary, (request) => ({ text: `About ${summarizedWords(request).join(" and ")}.` }));
  llm.when(() => true, { text: "Yes." });
  await using gateway = await TestGateway.start({ llm });
  await using adapter = await gateway.connect();
  await converse(adapter, ["cats", "dogs"]);
  await adapter.replyTo(adapter.say("/new"));
  const request = await llm.waitForRequest(isSummary);
  await request.finished;
  const notes = "About cats and dogs.";
  const told = async (options: { readonly userId?: string; readonly channelId?: string }) => {
    await adapter.replyTo(adapter.say("Hello", options));
    return system(llm.requests.at(-1)!.body);
  };
  while (!(await told({})).includes(notes));
  assert.match(
    await told({}),
    /# The last conversation with this user here, until \d{4}-\d\d-\d\d/,
  );
  assert.ok(!(await told({ userId: "user-2" })).includes("About"));
  assert.ok(!(await told({ channelId: "another" })).includes("About"));
  // Its lines are gone; only the summary is left.
  const lines = llm.requests.at(-1)!.body.messages.slice(1).map(textOf);
  assert.ok(!lines.join().includes("cats"));
  await gateway.restart();
  await using again = await gateway.connect();
  await again.replyTo(again.say("Hello"));
  assert.ok(system(llm.requests.at(-1)!.body).includes(notes), "it outlives a restart");
});

Deno.test("a summary is not shown once no session it covers is open", async () => {
  await using llm = await LlmServer.start();
  llm.when(isSummary, { text: "Notes about everything." });
  llm.when(() => true, { text: "Yes." });
  await using gateway = await TestGateway.start({ llm, config: { llm: { contextTokens } } });
  await using adapter = await gateway.connect();
  const rolling = "# This conversation before the messages below";
  for (let more = 0; more < 40; more++) {
    await converse(adapter, [`word-${more}`]);
    if (system(llm.requests.findLast(({ body }) => !isSummary(body))!.body).includes(rolling)) {
      break;
    }
  }
  await adapter.replyTo(adapter.say("/new"));
  await adapter.replyTo(adapter.say("Hello"));
  const body = llm.requests.findLast(({ body }) => !isSummary(body))!.body;
  assert.equal(lastText(body), "Hello");
  assert.ok(!system(body).includes(rolling));
  assert.equal(body.messages.length, 2);
});

Deno.test("the echo model makes no summaries", async () => {
  await using gateway = await TestGateway.start({
    llm: "echo",
    config: { limits: { historyTokens: 500 } },
  });
  await using adapter = await gateway.connect();
  await converse(adapter, words);
  await adapter.replyTo(adapter.say("/new"));
  const { terminal } = await adapter.replyTo(adapter.say("Still here"));
  assert.equal(terminal.content, "Still here");
});
