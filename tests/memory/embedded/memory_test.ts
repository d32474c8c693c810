/** The embedded memory by itself: what it finds by words, by meaning and by age, and what it learns. */

import assert from "node:assert/strict";
import { catalogOf } from "../../../src/llm/catalog.ts";
import { OpenAiClient } from "../../../src/llm/openai/client.ts";
import { EmbeddedMemory, type EmbeddedMemoryOptions } from "../../../src/memory/embedded/memory.ts";
import { Embedder } from "../../../src/memory/embedded/embedder.ts";
import { readFacts } from "../../../src/memory/embedded/extracted_facts.ts";
import { Mem0Http } from "../../../src/memory/mem0/http.ts";
import { MemoryError } from "../../../src/memory/port.ts";
import type { Exchange } from "../../../src/store/exchange_store.ts";
import type { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { accepted, claimed, ending, request } from "../../store/conformance/samples.ts";
import { SqliteFolder } from "../../store/sqlite/sqlite_place.ts";
import { Gate } from "../../support/gate.ts";
import type { Reply } from "../../support/llm/reply.ts";
import { LlmServer } from "../../support/llm/server.ts";
import { EmbeddingServer } from "./embedding_server.ts";

const { signal } = new AbortController();
const view = { userKey: "test:user-1", includePrivate: true, limit: 3, signal };

function exchange(question: string, fields: Partial<Exchange> = {}): Exchange {
  return {
    key: `node-1/${question}`,
    userKey: "test:user-1",
    channelKey: "channel-1",
    channelType: "server",
    question,
    answer: "I see.",
    at: 1000,
    ...fields,
  };
}

/** Puts an exchange into the outbox, as a finished turn does. */
async function said(store: SqliteStore, given: Exchange): Promise<void> {
  const seq = await accepted(store, request(given.key));
  const { claim } = await claimed(store, seq);
  assert.ok(await store.requests.finish(claim, { ...ending(), exchange: given }));
}

async function learnAll(memory: EmbeddedMemory, store: SqliteStore): Promise<void> {
  while (await store.exchanges.count() > 0) {
    for (const waiting of await store.exchanges.pending({ limit: 100 })) {
      await memory.add(waiting, { repeated: false, signal });
    }
  }
}

function memoryOf(store: SqliteStore, options: Partial<EmbeddedMemoryOptions> = {}) {
  const ask: EmbeddedMemoryOptions["ask"] = (_, { exchange: { question } }) =>
    Promise.resolve(JSON.stringify({ facts: [{ text: question }] }));
  return new EmbeddedMemory({
    ...store,
    ask,
    embedMs: 5_000,
    cap: 100,
    ...pick(store),
    ...options,
  });
}

function pick({ memories, vectors }: SqliteStore) {
  return { memories, vectors };
}

Deno.test("facts are found by meaning, without a common word; those of tools, too", async () => {
  await using embeddings = new EmbeddingServer();
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  await store.memories.add({
    userKey: "test:user-1",
    text: "She keeps a Katze",
    private: false,
    channelKey: "channel-1",
    createdAt: 1,
  }, { cap: 100 });
  for (const text of ["tea at five", "rows on weekends", "was in Rome"]) {
    await said(store, exchange(text));
  }
  await learnAll(memory, store);
  const found = await memory.search({ ...view, query: "Which animals?" });
  assert.equal(found[0]!.text, "She keeps a Katze");
  assert.equal((await memory.search({ ...view, query: "Any beverage?" }))[0]!.text, "tea at five");
  // What is said in private stays so among vectors, too.
  await said(store, exchange("a secret pet", { channelType: "dm", channelKey: "dm-1" }));
  await learnAll(memory, store);
  const open = await memory.search({ ...view, includePrivate: false, query: "animals?" });
  assert.ok(!open.some(({ text }) => text.includes("secret")));
});

Deno.test("without vectors in time words find facts; they get their vectors later", async () => {
  await using embeddings = new EmbeddingServer();
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  embeddings.broken = 500;
  await said(store, exchange("has a cat"));
  await learnAll(memory, store);
  assert.equal((await memory.search({ ...view, query: "cats" }))[0]!.text, "has a cat");
  assert.equal((await store.vectors.missing({ model: "m", limit: 9 })).length, 1);
  embeddings.broken = undefined;
  await said(store, exchange("has a boat"));
  await learnAll(memory, store);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 9 }), []);
  assert.equal((await store.vectors.missing({ model: "another", limit: 9 })).length, 2);
});

Deno.test("a text that the embedding model refuses stops no other, and is not asked for again", async () => {
  await using embeddings = new EmbeddingServer();
  embeddings.refused = "unspeakable";
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  const common = { userKey: "test:user-1", private: false, channelKey: "c", createdAt: 1 };
  for (let number = 0; number < 9; number++) {
    const text = number === 4 ? "an unspeakable cat" : `fact ${number}`;
    await store.memories.add({ ...common, text }, { cap: 100 });
  }
  await said(store, exchange("has a boat"));
  await learnAll(memory, store);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 99 }), []);
  const asked = embeddings.requests.length;
  await said(store, exchange("has tea"));
  await learnAll(memory, store);
  assert.deepEqual(embeddings.requests.slice(asked), [["has tea"]]);
  assert.equal(
    (await memory.search({ ...view, query: "speak of cat" }))[0]!.text,
    "an unspeakable cat",
  );
});

Deno.test("where an embedding model refuses everything, no text is to blame", async () => {
  await using embeddings = new EmbeddingServer();
  embeddings.broken = 400;
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  for (const text of ["has a cat", "has a boat"]) await said(store, exchange(text));
  await learnAll(memory, store);
  assert.equal((await store.vectors.missing({ model: "m", limit: 9 })).length, 2);
  embeddings.broken = undefined;
  await said(store, exchange("has tea"));
  await learnAll(memory, store);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 9 }), []);
});

Deno.test("exchanges that are learned at once ask for no vector twice", async () => {
  await using embeddings = new EmbeddingServer();
  const gate = new Gate();
  embeddings.gate = gate.opened;
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  for (const text of ["has a cat", "has a boat", "has tea"]) {
    await said(store, exchange(text, { userKey: `test:${text}` }));
  }
  const waiting = await store.exchanges.pending({ limit: 9 });
  const learned = waiting.map((one) => memory.add(one, { repeated: false, signal }));
  while (await store.exchanges.count() > 0) await store.probe();
  gate.open();
  await Promise.all(learned);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 9 }), []);
  assert.deepEqual(embeddings.requests.flat().sort(), ["has a boat", "has a cat", "has tea"]);
});

Deno.test("an answer without end is given up, by the embedder and by mem0", async () => {
  const block = new Uint8Array(1 << 20).fill(32);
  let sent = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    const endless = new ReadableStream({
      pull: (controller) => {
        sent++;
        controller.enqueue(block);
      },
    });
    return new Response(endless);
  });
  const baseUrl = `http://127.0.0.1:${server.addr.port}`;
  const late = AbortSignal.timeout(20_000);
  const tooLong = (error: Error) => {
    assert.ok(error instanceof MemoryError && error.passing);
    assert.match(String(error.cause), /longer than 16 MiB/);
    return true;
  };
  await assert.rejects(new Embedder({ model: "m", baseUrl }).embed(["a"], late), tooLong);
  const http = new Mem0Http({ baseUrl, headers: {}, timeoutMs: 20_000 });
  await assert.rejects(
    http.send({ what: "search", method: "GET", path: "/", signal: late }),
    tooLong,
  );
  assert.ok(sent < 100, `${sent} MiB`);
});

Deno.test("an exchange teaches once, and not at all once its user is forgotten", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const memory = memoryOf(store);
  await said(store, exchange("has a cat"));
  const [waiting] = await store.exchanges.pending({ limit: 1 });
  await memory.add(waiting!, { repeated: false, signal });
  await memory.remove("test:user-1", (await memory.list("test:user-1", { limit: 9 }))[0]!.id);
  await memory.add(waiting!, { repeated: true, signal });
  assert.deepEqual(await memory.list("test:user-1", { limit: 9 }), []);

  await said(store, exchange("has a dog"));
  const [forgotten] = await store.exchanges.pending({ limit: 1 });
  await memory.removeAll("test:user-1");
  assert.equal(await store.exchanges.count(), 0);
  await memory.add(forgotten!, { repeated: false, signal });
  assert.deepEqual(await memory.list("test:user-1", { limit: 9 }), []);
});

Deno.test("what a tool was asked to remember is not dropped for what a turn seems to say", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const { memory: kept } = await store.memories.add({
    userKey: "test:user-1",
    text: "lives in Rome",
    private: false,
    channelKey: "channel-1",
    createdAt: 1,
  }, { cap: 1 });
  const memory = memoryOf(store, {
    ask: () =>
      Promise.resolve(JSON.stringify({ facts: [{ text: "lives in Oslo", replaces: kept.id }] })),
    cap: 1,
  });
  await said(store, exchange("I live in Oslo"));
  await learnAll(memory, store);
  const texts = (await memory.list("test:user-1", { limit: 9 })).map(({ text }) => text);
  assert.deepEqual(texts, ["lives in Oslo", "lives in Rome"], "each source has a cap of its own");
});

const tooLong = { error: { message: "too long", code: "context_length_exceeded" } };
const answers: readonly (readonly [name: string, reply: Reply, passing: boolean])[] = [
  ["the model declines", { refusal: "Not that." }, false],
  ["a filter holds back", { status: 400, body: { error: { code: "content_filter" } } }, false],
  ["a filter answers as a bad request", { status: 400 }, false],
  ["is too long", { status: 400, body: tooLong }, false],
  ["the key is wrong for", { status: 401 }, true],
  ["the model is too busy for", { status: 503 }, true],
];
for (const [name, reply, passing] of answers) {
  const what = passing ? "is kept for later" : "is refused for good";
  Deno.test(`an exchange that ${name} ${what}`, async () => {
    await using llm = LlmServer.start();
    llm.when(() => true, reply);
    const catalog = catalogOf({
      model: "m",
      tierModels: {},
      fallbacks: [],
      baseUrl: llm.url,
      showReasoning: false,
      autoTier: false,
      stallMs: 60_000,
      totalMs: 400,
    });
    const client = new OpenAiClient({ catalog: catalog! });
    await using place = new SqliteFolder();
    await using store = await place.open();
    const memory = memoryOf(store, {
      ask: async ({ text }, { signal }) => {
        const messages = [{ role: "user" as const, content: text }];
        return (await client.complete({ tier: "low", purpose: "memory", messages, signal })).text;
      },
    });
    await said(store, exchange("my secret wish"));
    await assert.rejects(learnAll(memory, store), (error: Error) => {
      assert.equal(error instanceof MemoryError && !error.passing, !passing, error.message);
      return true;
    });
    assert.equal(await store.exchanges.count(), 1);
  });
}

Deno.test("facts are read from what models write around them", () => {
  const facts = '{"facts": [{"text": " has\\n a cat ", "replaces": null}, {"text": ""}]}';
  const read = [{ text: "has a cat", replaces: undefined }];
  for (const answer of [facts, `Sure!\n\`\`\`json\n${facts}\n\`\`\`\nAnything else?`]) {
    assert.deepEqual(readFacts(answer), read);
  }
  assert.deepEqual(readFacts('{"facts": []}'), []);
  for (const answer of ["", "none", "[]", '{"facts": "none"}', '{"facts": [7]}', "} {"]) {
    assert.throws(() => readFacts(answer), /not the JSON asked for/);
  }
});
