/** The embedded memory: search by words, meaning and age; learning from exchanges. */

import assert from "node:assert/strict";
import { catalogOf } from "../../../src/llm/catalog.ts";
import { OpenAiClient } from "../../../src/llm/openai/client.ts";
import { EmbeddedMemory, type EmbeddedMemoryOptions } from "../../../src/memory/embedded/memory.ts";
import { Embedder } from "../../../src/memory/embedded/embedder.ts";
import { readFacts } from "../../../src/memory/embedded/fact_extraction.ts";
import { mem0Api } from "../../../src/memory/mem0/api.ts";
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
async function addExchange(store: SqliteStore, given: Exchange): Promise<void> {
  const seq = await accepted(store, request(given.key));
  const { claim } = await claimed(store, seq);
  assert.ok(await store.requests.finish(claim, { ...ending(), exchange: given }));
}

async function learnAll(memory: EmbeddedMemory, store: SqliteStore): Promise<void> {
  while (await store.exchanges.count() > 0) {
    for (const waiting of await store.exchanges.pending({ limit: 100 })) {
      await memory.add(waiting, { isRetry: false, signal });
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

Deno.test("memories are found by meaning without a common word, including those added by tools", async () => {
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
    await addExchange(store, exchange(text));
  }
  await learnAll(memory, store);
  const found = await memory.search({ ...view, query: "Which animals?" });
  assert.equal(found[0]!.text, "She keeps a Katze");
  assert.equal((await memory.search({ ...view, query: "Any beverage?" }))[0]!.text, "tea at five");
  // A search by meaning also keeps private memories private.
  await addExchange(store, exchange("a secret pet", { channelType: "dm", channelKey: "dm-1" }));
  await learnAll(memory, store);
  const open = await memory.search({ ...view, includePrivate: false, query: "animals?" });
  assert.ok(!open.some(({ text }) => text.includes("secret")));
});

Deno.test("without vectors memories are found by words, and are embedded later", async () => {
  await using embeddings = new EmbeddingServer();
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  embeddings.broken = 500;
  await addExchange(store, exchange("has a cat"));
  await learnAll(memory, store);
  assert.equal((await memory.search({ ...view, query: "cats" }))[0]!.text, "has a cat");
  assert.equal((await store.vectors.missing({ model: "m", limit: 9 })).length, 1);
  embeddings.broken = undefined;
  await addExchange(store, exchange("has a boat"));
  await learnAll(memory, store);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 9 }), []);
  assert.equal((await store.vectors.missing({ model: "another", limit: 9 })).length, 2);
});

Deno.test("a text that the embedding model rejects blocks no other and is not sent again", async () => {
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
  await addExchange(store, exchange("has a boat"));
  await learnAll(memory, store);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 99 }), []);
  const asked = embeddings.requests.length;
  await addExchange(store, exchange("has tea"));
  await learnAll(memory, store);
  assert.deepEqual(embeddings.requests.slice(asked), [["has tea"]]);
  assert.equal(
    (await memory.search({ ...view, query: "speak of cat" }))[0]!.text,
    "an unspeakable cat",
  );
});

Deno.test("if the embedding model rejects everything, all texts are retried later", async () => {
  await using embeddings = new EmbeddingServer();
  embeddings.broken = 400;
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  for (const text of ["has a cat", "has a boat"]) await addExchange(store, exchange(text));
  await learnAll(memory, store);
  assert.equal((await store.vectors.missing({ model: "m", limit: 9 })).length, 2);
  embeddings.broken = undefined;
  await addExchange(store, exchange("has tea"));
  await learnAll(memory, store);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 9 }), []);
});

Deno.test("exchanges learned concurrently request no vector twice", async () => {
  await using embeddings = new EmbeddingServer();
  const gate = new Gate();
  embeddings.gate = gate.opened;
  await using place = new SqliteFolder();
  await using store = await place.open();
  const embedder = new Embedder({ model: "m", baseUrl: embeddings.url });
  const memory = memoryOf(store, { embedder });
  for (const text of ["has a cat", "has a boat", "has tea"]) {
    await addExchange(store, exchange(text, { userKey: `test:${text}` }));
  }
  const waiting = await store.exchanges.pending({ limit: 9 });
  const learned = waiting.map((one) => memory.add(one, { isRetry: false, signal }));
  while (await store.exchanges.count() > 0) await store.probe();
  gate.open();
  await Promise.all(learned);
  assert.deepEqual(await store.vectors.missing({ model: "m", limit: 9 }), []);
  assert.deepEqual(embeddings.requests.flat().sort(), ["has a boat", "has a cat", "has tea"]);
});

Deno.test("an endless response is cut off, from the embedder and from mem0", async () => {
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
    assert.ok(error instanceof MemoryError && error.transient);
    assert.match(String(error.cause), /longer than 16 MiB/);
    return true;
  };
  await assert.rejects(new Embedder({ model: "m", baseUrl }).embed(["a"], late), tooLong);
  const api = mem0Api({ baseUrl, api: "self-hosted", timeoutMs: 20_000 });
  await assert.rejects(api.list({ userId: "u" }, { limit: 1, signal: late }), tooLong);
  assert.ok(sent < 100, `${sent} MiB`);
});

Deno.test("an exchange is learned once, and not at all after its user was forgotten", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const memory = memoryOf(store);
  await addExchange(store, exchange("has a cat"));
  const [waiting] = await store.exchanges.pending({ limit: 1 });
  await memory.add(waiting!, { isRetry: false, signal });
  await memory.remove("test:user-1", (await memory.list("test:user-1", { limit: 9 }))[0]!.id);
  await memory.add(waiting!, { isRetry: true, signal });
  assert.deepEqual(await memory.list("test:user-1", { limit: 9 }), []);

  await addExchange(store, exchange("has a dog"));
  const [forgotten] = await store.exchanges.pending({ limit: 1 });
  await memory.removeAll("test:user-1");
  assert.equal(await store.exchanges.count(), 0);
  await memory.add(forgotten!, { isRetry: false, signal });
  assert.deepEqual(await memory.list("test:user-1", { limit: 9 }), []);
});

Deno.test("a fact from a turn does not replace what a tool was asked to remember", async () => {
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
  await addExchange(store, exchange("I live in Oslo"));
  await learnAll(memory, store);
  const texts = (await memory.list("test:user-1", { limit: 9 })).map(({ text }) => text);
  assert.deepEqual(texts, ["lives in Oslo", "lives in Rome"], "each source has its own cap");
});

const tooLong = { error: { message: "too long", code: "context_length_exceeded" } };
const answers: readonly (readonly [name: string, reply: Reply, transient: boolean])[] = [
  ["the model refuses", { refusal: "Not that." }, false],
  ["a content filter blocks", { status: 400, body: { error: { code: "content_filter" } } }, false],
  ["a content filter rejects with status 400", { status: 400 }, false],
  ["is too long", { status: 400, body: tooLong }, false],
  ["fails because of a wrong key", { status: 401 }, true],
  ["fails because the model is overloaded", { status: 503 }, true],
];
for (const [name, reply, transient] of answers) {
  const what = transient ? "is retried later" : "is rejected for good";
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
      // Failures that are retried are waited for; others are final at once.
      totalMs: transient ? 400 : 60_000,
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
    await addExchange(store, exchange("my secret wish"));
    await assert.rejects(learnAll(memory, store), (error: Error) => {
      assert.equal(error instanceof MemoryError && !error.transient, !transient, error.message);
      return true;
    });
    assert.equal(await store.exchanges.count(), 1);
  });
}

Deno.test("facts are parsed from answers with text around them", () => {
  const facts = '{"facts": [{"text": " has\\n a cat ", "replaces": null}, {"text": ""}]}';
  const read = [{ text: "has a cat", replaces: undefined }];
  for (const answer of [facts, `Sure!\n\`\`\`json\n${facts}\n\`\`\`\nAnything else?`]) {
    assert.deepEqual(readFacts(answer), read);
  }
  assert.deepEqual(readFacts('{"facts": []}'), []);
  for (const answer of ["", "none", "[]", '{"facts": "none"}', '{"facts": [7]}', "} {"]) {
    assert.throws(() => readFacts(answer), /not the expected JSON/);
  }
});
