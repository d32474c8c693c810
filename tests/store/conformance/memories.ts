/** Tests of memories and their vectors. Part of the conformance suite. */

import assert from "node:assert/strict";
import type { Memory, MemoryStore, NewMemory } from "../../../src/store/memory_store.ts";
import type { Store } from "../../../src/store/store.ts";
import type { StoreTest } from "./store.ts";

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

async function add(memories: MemoryStore, ...added: readonly NewMemory[]): Promise<void> {
  for (const each of added) await memories.add(each, { cap: 1000 });
}

const mine = { userKey: "test:user-1", includePrivate: true, limit: 10 };

function texts(found: readonly Pick<Memory, "text">[]): string[] {
  return found.map(({ text }) => text);
}

/** Declares the tests. */
export function testMemories(test: StoreTest): void {
  testRanking(test);
  testQueries(test);
  testVisibility(test);
  testChanges(test);
  testVectors(test);
}

function testRanking(test: StoreTest): void {
  test("a memory matches any word of the query, and rare words weigh more", async ({ memories }) => {
    await add(
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

  test("similar memories are returned newest first", async ({ memories }) => {
    await add(
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

  test("each of many users finds only their own memories, rarest match first", async ({ memories }) => {
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
}

function testQueries(test: StoreTest): void {
  test("operators in a memory query are plain words", async ({ memories }) => {
    await add(memories, fact("near and not far, or so"), fact("tea"));
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

  test("a memory search ignores endings, accents and case in any script", async ({ memories }) => {
    await add(
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

  test("a memory query may contain NUL and quotes and be very long", async ({ memories }) => {
    await add(memories, fact("drinks tea"), fact("reads"));
    for (
      const query of ["\0tea", "tea\0", '"tea', "'tea'; --", "\ud83dtea", "[tea]", '{"tea":1}']
    ) {
      assert.deepEqual(texts(await memories.search({ ...mine, query })), ["drinks tea"], query);
    }
    const book = "tea " + "and so it went on and on. ".repeat(40_000);
    assert.deepEqual(texts(await memories.search({ ...mine, query: book })), ["drinks tea"]);
  });
}

function testVisibility(test: StoreTest): void {
  test("visible memories are found among many hidden matches", async ({ memories }) => {
    const hidden = { private: true, channelKey: "dm-1" };
    await add(memories, fact("likes tea"));
    const adding = Array.from(
      { length: 300 },
      (_, number) => memories.add(fact(`tea ${number}`, hidden), { cap: 1000 }),
    );
    await Promise.all(adding);
    const publicView = { ...mine, includePrivate: false, limit: 3 };
    assert.deepEqual(texts(await memories.search({ ...publicView, query: "tea" })), ["likes tea"]);
  });

  test("recent memories are filtered by kind", async ({ memories }) => {
    await add(memories, fact("likes tea"), fact("likes cats"));
    await add(memories, ...["a", "b", "c"].map((text) => fact(text, { kind: "exchange" })));
    const recent = async (kind: Memory["kind"]) => texts(await memories.recent({ ...mine, kind }));
    assert.deepEqual(await recent("fact"), ["likes cats", "likes tea"]);
    assert.deepEqual(await recent("exchange"), ["c", "b", "a"]);
  });

  test("a user's memories are not found for other users", async ({ memories }) => {
    await add(
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

  test("private memories are returned on request, or in the channel where they were said", async ({ memories }) => {
    await add(
      memories,
      fact("sick today", { private: true, channelKey: "dm-1" }),
      fact("here today"),
    );
    const publicView = { ...mine, includePrivate: false };
    for (const find of [memories.recent, memories.search] as const) {
      const seen = async (view: Partial<typeof publicView & { channelKey: string }>) =>
        texts(await find.call(memories, { ...publicView, query: "today", ...view })).sort();
      assert.deepEqual(await seen({}), ["here today"]);
      assert.deepEqual(await seen({ channelKey: "channel-2" }), ["here today"]);
      assert.deepEqual(await seen({ channelKey: "dm-1" }), ["here today", "sick today"]);
      assert.deepEqual(await seen({ includePrivate: true }), ["here today", "sick today"]);
    }
  });
}

function testChanges(test: StoreTest): void {
  test("a memory is stored once and becomes public when said in public", async ({ memories }) => {
    const options = { cap: 1000 };
    const first = await memories.add(fact("has a dog", { private: true }), options);
    const again = await memories.add(
      fact("has a dog", { private: true, createdAt: 2000 }),
      options,
    );
    assert.deepEqual([first.created, again.created], [true, false]);
    assert.deepEqual(again.memory, first.memory);
    assert.equal((await memories.add(fact("has a dog"), options)).memory.private, false);
    const later = await memories.add(fact("has a dog", { private: true }), options);
    assert.equal(later.memory.private, false);
    assert.equal((await memories.add(fact("has a dog", { userKey: "b" }), options)).created, true);
    assert.equal((await memories.recent(mine)).length, 1);
  });

  test("memories beyond the cap are deleted, oldest first", async ({ memories }) => {
    await memories.add(fact("of another user", { userKey: "test:user-2" }), { cap: 3 });
    for (const number of [1, 2, 3, 4, 5]) await memories.add(fact(`fact ${number}`), { cap: 3 });
    assert.deepEqual(texts(await memories.recent(mine)), ["fact 5", "fact 4", "fact 3"]);
    assert.deepEqual(texts(await memories.search({ ...mine, query: "1 2 3" })), ["fact 3"]);
    assert.equal((await memories.recent({ ...mine, userKey: "test:user-2" })).length, 1);
  });

  test("a memory is removed only by its user", async ({ memories }) => {
    const { memory } = await memories.add(fact("has a dog"), { cap: 1000 });
    assert.equal(await memories.remove({ userKey: "test:user-2", id: memory.id }), false);
    assert.equal(await memories.remove({ userKey: memory.userKey, id: memory.id }), true);
    assert.equal(await memories.remove({ userKey: memory.userKey, id: memory.id }), false);
    assert.deepEqual(await memories.search({ ...mine, query: "dog" }), []);
  });
}

const vector = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);

function testVectors(test: StoreTest): void {
  const missing = async ({ vectors }: Store, model = "model-1") =>
    texts(await vectors.missing({ model, limit: 9 }));

  test("a vector is missing until the model's vector or refusal is saved", async (store) => {
    const ids: number[] = [];
    for (const text of ["one", "two", "three", "four"]) {
      ids.push((await store.memories.add(fact(text), { cap: 1000 })).memory.id);
    }
    assert.deepEqual(await missing(store), ["four", "three", "two", "one"]);
    await store.vectors.save("model-1", [{ id: ids[0]!, vector }, { id: 9999, vector }]);
    await store.vectors.skip("model-1", ids[1]!);
    assert.deepEqual(await missing(store), ["four", "three"]);
    assert.deepEqual(await missing(store, "model-2"), ["four", "three", "two", "one"]);
    assert.deepEqual(await missing(store), ["four", "three"]);
    await store.memories.remove({ userKey: mine.userKey, id: ids[3]! });
    assert.deepEqual(await missing(store), ["three"]);
  });

  test("the nearest memories are the visible ones with the most similar vectors", async (store) => {
    const { memories, vectors } = store;
    const add = async (text: string, values: readonly number[], fields?: Partial<NewMemory>) => {
      const { memory } = await memories.add(fact(text, fields), { cap: 1000 });
      await vectors.save("model-1", [{ id: memory.id, vector: Float32Array.from(values) }]);
    };
    await add("same", [2, 0, 0, 0]);
    await add("similar", [1, 1, 0, 0]);
    await add("orthogonal", [0, 0, 1, 0]);
    await add("private", [1, 0, 0, 0], { private: true, channelKey: "dm-1" });
    await add("other user", [1, 0, 0, 0], { userKey: "test:user-2" });
    await add("other dimension", [1, 0]);
    const view = { ...mine, includePrivate: false };
    const query = { model: "model-1", vector: Float32Array.of(1, 0, 0, 0) };
    assert.deepEqual(texts(await vectors.nearest({ ...view, ...query })), ["same", "similar"]);
    assert.deepEqual(texts(await vectors.nearest({ ...view, ...query, limit: 1 })), ["same"]);
    assert.equal((await vectors.nearest({ ...view, ...query, includePrivate: true })).length, 3);
    assert.deepEqual(await vectors.nearest({ ...view, ...query, model: "model-2" }), []);
  });
}
