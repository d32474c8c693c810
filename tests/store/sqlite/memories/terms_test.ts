// Runs alone: it measures time.
import assert from "node:assert/strict";
import { queryTermsOf, termsOf } from "../../../../src/store/sqlite/memories/terms.ts";

const words = (text: string) => [...termsOf(text).keys()];

for (
  const { name, texts } of [
    { name: "endings", texts: ["walks", "walking", "walked", "Walk"] },
    { name: "plurals", texts: ["hobby", "hobbies"] },
    { name: "accents", texts: ["cafe", "Café", "CAFÉ", "cafe\u0301"] },
    { name: "several accents", texts: ["Việt", "viet"] },
    { name: "a dotted capital", texts: ["İstanbul", "istanbul"] },
    { name: "wide letters and ligatures", texts: ["ｆｉｎｅ", "ﬁne", "fine"] },
    { name: "Greek", texts: ["Αθήνα", "αθηνα"] },
    { name: "Cyrillic", texts: ["ЁЛКА", "ёлка", "елка"] },
    { name: "Hangul in parts", texts: ["한국", "한국".normalize("NFD")] },
    { name: "Hindi", texts: ["हिन्दी", "हिन्दी".normalize("NFD")] },
    { name: "one long word", texts: ["x".repeat(100), "x".repeat(64)] },
  ]
) {
  Deno.test(`one term: ${name}`, () => {
    const [first, ...others] = texts.map(words);
    assert.equal(first!.join().length > 0, true);
    for (const other of others) assert.deepEqual(other, first);
  });
}

for (
  const { name, texts } of [
    { name: "vowels of Hindi", texts: ["की", "का", "क"] },
    { name: "voiced kana", texts: ["か", "が"] },
    { name: "short words and their beginnings", texts: ["is", "i"] },
  ]
) {
  Deno.test(`different terms: ${name}`, () => {
    assert.equal(new Set(texts.flatMap(words)).size, texts.length);
  });
}

Deno.test("in scripts without spaces, pairs of letters are terms", () => {
  assert.deepEqual(words("我喜欢tea!"), ["我喜", "喜欢", "tea"]);
  assert.deepEqual(words("茶 緑茶"), ["茶", "緑茶"]);
  assert.deepEqual(words("𠮷野家"), ["𠮷野", "野家"]);
});

Deno.test("terms are counted", () => {
  assert.deepEqual([...termsOf("Tea, teas; no TEA? \0 x")], [["tea", 3], ["no", 1], ["x", 1]]);
  assert.deepEqual(words("\0 \u0301 … \ud83d \u{1f375} _'\""), []);
});

Deno.test("a query omits common words unless it has no others", () => {
  assert.deepEqual(queryTermsOf("What is the tea, and what are TEAS?"), ["tea"]);
  assert.deepEqual(queryTermsOf("What is it?"), ["what", "is", "it"]);
  assert.deepEqual(queryTermsOf("?!"), []);
});

Deno.test("reading a very long query stops at the term limit", () => {
  const book = Array.from({ length: 200_000 }, (_, number) => `the word${number}`).join(" ");
  const start = performance.now();
  assert.deepEqual(queryTermsOf(book), Array.from({ length: 40 }, (_, number) => `word${number}`));
  assert.ok(performance.now() - start < 300);
});
