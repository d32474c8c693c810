import assert from "node:assert/strict";
import type { Memory, MemoryStore, NewMemory } from "../../src/store/memory_store.ts";
import { SqliteFolder } from "./sqlite/sqlite_place.ts";

const day = 86_400_000;

function fact(text: string, fields: Partial<NewMemory> = {}): NewMemory {
  return {
    userKey: "test:user-1",
    text,
    private: false,
    channelKey: "channel-1",
    createdAt: 1000,
    ...fields,
  };
}

async function keep(memories: MemoryStore, ...facts: readonly NewMemory[]): Promise<void> {
  for (const each of facts) await memories.add(each, { cap: 1000 });
}

const mine = { userKey: "test:user-1", includePrivate: true, limit: 10 };

function texts(found: readonly Memory[]): string[] {
  return found.map(({ text }) => text);
}

function testMemories(sentence: string, test: (memories: MemoryStore) => Promise<void>): void {
  Deno.test(sentence, async () => {
    await using place = new SqliteFolder();
    await using store = await place.open();
    await test(store.memories);
  });
}

testMemories("any word of the query finds a fact, more words come first", async (memories) => {
  await keep(
    memories,
    fact("has a cat"),
    fact("drinks green tea"),
    fact("grows tea in a green house"),
    fact("lives in Rome"),
  );
  const found = texts(await memories.search({ ...mine, query: "green cats" }));
  assert.equal(found[0], "has a cat", "the rarer word weighs more; its ending does not matter");
  assert.equal(found.length, 3);
  assert.deepEqual(texts(await memories.search({ ...mine, query: "green cats", limit: 1 })), [
    "has a cat",
  ]);
});

testMemories("of two like facts the newer one comes first", async (memories) => {
  await keep(
    memories,
    fact("works at Bell", { createdAt: day }),
    fact("works at Acme", { createdAt: 700 * day }),
    fact("works at Cray", { createdAt: 300 * day }),
    fact("likes the sea"),
    fact("likes the sun"),
  );
  const found = texts(await memories.search({ ...mine, query: "works" }));
  assert.deepEqual(found, ["works at Acme", "works at Cray", "works at Bell"]);
});

testMemories("operators of the search engine are plain words in a query", async (memories) => {
  await keep(memories, fact("near and not far, or so"), fact("tea"));
  for (
    const query of ['"', "tea AND", "NEAR(tea, 2)", "text:tea", "-tea", "tea*", "(tea", "^ tea"]
  ) {
    assert.ok((await memories.search({ ...mine, query })).length <= 2, query);
  }
  assert.deepEqual(texts(await memories.search({ ...mine, query: "tea NOT tea" })), [
    "tea",
    "near and not far, or so",
  ]);
  assert.deepEqual(await memories.search({ ...mine, query: "?! *" }), []);
});

testMemories("endings, accents and case do not matter, in any script", async (memories) => {
  await keep(
    memories,
    fact("owns two Cafés in Málaga"),
    fact("любит зелёный чай"),
    fact("我喜欢喝绿茶"),
    fact("東京に住んでいる"),
    fact("고양이를 키운다"),
    fact("हिन्दी बोलता है"),
  );
  const queries: readonly (readonly [query: string, text: string])[] = [
    ["the cafe", "owns two Cafés in Málaga"],
    ["MALAGA?", "owns two Cafés in Málaga"],
    ["owned", "owns two Cafés in Málaga"],
    ["ЧАЙ", "любит зелёный чай"],
    ["зеленый", "любит зелёный чай"],
    ["我喜欢喝绿茶", "我喜欢喝绿茶"],
    ["什么绿茶好喝", "我喜欢喝绿茶"],
    ["東京の天気", "東京に住んでいる"],
    ["고양이", "고양이를 키운다"],
    ["हिन्दी", "हिन्दी बोलता है"],
  ];
  for (const [query, text] of queries) {
    assert.deepEqual(texts(await memories.search({ ...mine, query })), [text], query);
  }
});

testMemories("NUL, quotes and a book are queries like others", async (memories) => {
  await keep(memories, fact("drinks tea"), fact("reads"));
  for (const query of ["\0tea", "tea\0", '"tea', "'tea'; --", "\ud83dtea", "[tea]", '{"tea":1}']) {
    assert.deepEqual(texts(await memories.search({ ...mine, query })), ["drinks tea"], query);
  }
  const book = "tea " + "and so it went on and on. ".repeat(40_000);
  assert.deepEqual(texts(await memories.search({ ...mine, query: book })), ["drinks tea"]);
});

testMemories("each of many users finds what is theirs, the rarest first", async (memories) => {
  const users = Array.from({ length: 30 }, (_, number) => `test:user-${number}`);
  const adding = users.flatMap((userKey) =>
    Array.from(
      { length: 20 },
      (_, number) =>
        memories.add(fact(`likes tea number ${number} of ${userKey.slice(5)}`, { userKey }), {
          cap: 1000,
        }),
    )
  );
  await Promise.all(adding);
  for (const userKey of users) {
    const found = await memories.search({ ...mine, userKey, query: "likes number 13" });
    assert.equal(found.length, 10);
    assert.equal(found[0]!.text, `likes tea number 13 of ${userKey.slice(5)}`);
    assert.ok(found.every((each) => each.userKey === userKey));
  }
});

testMemories("those that may be seen are found among many that may not", async (memories) => {
  const secret = { private: true, channelKey: "dm-1" };
  await keep(memories, fact("likes tea"));
  const adding = Array.from(
    { length: 300 },
    (_, number) => memories.add(fact(`tea ${number}`, secret), { cap: 1000 }),
  );
  await Promise.all(adding);
  const open = { ...mine, includePrivate: false, limit: 3 };
  assert.deepEqual(texts(await memories.search({ ...open, query: "tea" })), ["likes tea"]);
});

testMemories("the newest of one kind are found among many of the other", async (memories) => {
  await keep(memories, fact("likes tea"), fact("likes cats"));
  await keep(memories, ...["a", "b", "c"].map((text) => fact(text, { kind: "exchange" })));
  const kind = async (kind: Memory["kind"]) => texts(await memories.recent({ ...mine, kind }));
  assert.deepEqual(await kind("fact"), ["likes cats", "likes tea"]);
  assert.deepEqual(await kind("exchange"), ["c", "b", "a"]);
});

testMemories("a user's facts are found for no other user", async (memories) => {
  await keep(
    memories,
    fact("drinks tea"),
    fact("hates tea", { userKey: "test:user-1 2" }),
    fact("sells tea", { userKey: "other:user-1" }),
    fact("pours tea", { userKey: "user-1" }),
  );
  assert.deepEqual(texts(await memories.search({ ...mine, query: "tea" })), ["drinks tea"]);
  assert.deepEqual(texts(await memories.search({ ...mine, query: "user test" })), []);
  assert.deepEqual(texts(await memories.recent(mine)), ["drinks tea"]);
  for (const userKey of ['"OR tea', "\0", "test:\0", "::"]) {
    assert.deepEqual(await memories.search({ ...mine, userKey, query: "tea" }), [], userKey);
  }
});

testMemories("private facts are shown on request, or where they were said", async (memories) => {
  await keep(
    memories,
    fact("sick today", { private: true, channelKey: "dm-1" }),
    fact("here today"),
  );
  const open = { ...mine, includePrivate: false };
  for (const find of [memories.recent, memories.search] as const) {
    const seen = async (view: Partial<typeof open & { channelKey: string }>) =>
      texts(await find.call(memories, { ...open, query: "today", ...view })).sort();
    assert.deepEqual(await seen({}), ["here today"]);
    assert.deepEqual(await seen({ channelKey: "channel-2" }), ["here today"]);
    assert.deepEqual(await seen({ channelKey: "dm-1" }), ["here today", "sick today"]);
    assert.deepEqual(await seen({ includePrivate: true }), ["here today", "sick today"]);
  }
});

testMemories("a fact is kept once; said in the open it is private no more", async (memories) => {
  const options = { cap: 1000 };
  const first = await memories.add(fact("has a dog", { private: true }), options);
  const again = await memories.add(fact("has a dog", { private: true, createdAt: 2000 }), options);
  assert.deepEqual([first.created, again.created], [true, false]);
  assert.deepEqual(again.memory, first.memory);
  assert.equal((await memories.add(fact("has a dog"), options)).memory.private, false);
  const later = await memories.add(fact("has a dog", { private: true }), options);
  assert.equal(later.memory.private, false);
  assert.equal((await memories.add(fact("has a dog", { userKey: "b" }), options)).created, true);
  assert.equal((await memories.recent(mine)).length, 1);
});

testMemories("past the cap the user's oldest facts are dropped", async (memories) => {
  await memories.add(fact("of another user", { userKey: "test:user-2" }), { cap: 3 });
  for (const number of [1, 2, 3, 4, 5]) await memories.add(fact(`fact ${number}`), { cap: 3 });
  assert.deepEqual(texts(await memories.recent(mine)), ["fact 5", "fact 4", "fact 3"]);
  assert.deepEqual(texts(await memories.search({ ...mine, query: "1 2 3" })), ["fact 3"]);
  assert.equal((await memories.recent({ ...mine, userKey: "test:user-2" })).length, 1);
});

testMemories("a fact is removed by its user alone", async (memories) => {
  const { memory } = await memories.add(fact("has a dog"), { cap: 1000 });
  assert.equal(await memories.remove({ userKey: "test:user-2", id: memory.id }), false);
  assert.equal(await memories.remove({ userKey: memory.userKey, id: memory.id }), true);
  assert.equal(await memories.remove({ userKey: memory.userKey, id: memory.id }), false);
  assert.deepEqual(await memories.search({ ...mine, query: "dog" }), []);
});

Deno.test("facts are there when the store is opened again", async () => {
  await using place = new SqliteFolder();
  {
    await using store = await place.open();
    await keep(store.memories, fact("has a dog"));
  }
  await using store = await place.open();
  assert.deepEqual(texts(await store.memories.search({ ...mine, query: "dogs" })), ["has a dog"]);
});
