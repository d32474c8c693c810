/**
 * Compares estimates with the counts of OpenAI's newer (o200k) and older (cl100k) tokenizer, taken with the npm
 * package gpt-tokenizer 4.0.0.
 */

import assert from "node:assert/strict";
import { estimateMessage, estimateTokens, TokenScale } from "../../src/llm/tokens.ts";

const samples = [
  {
    name: "English",
    o200k: 39,
    cl100k: 39,
    text:
      "When the store cannot write (a full disk), new messages are refused with an error; turns that run wait with their end until it can. Could we talk about the trip to Norway tomorrow?",
  },
  {
    name: "German",
    o200k: 27,
    cl100k: 40,
    text:
      "Die Gesellschaft für deutsche Sprache veröffentlicht jährlich die Liste der beliebtesten Vornamen. Können wir uns übermorgen früh am Hauptbahnhof treffen?",
  },
  {
    name: "French",
    o200k: 31,
    cl100k: 38,
    text:
      "Où est-ce que tu étais hier soir ? Je t'ai attendu près de la gare pendant une heure, mais finalement j'ai décidé de rentrer.",
  },
  {
    name: "Turkish",
    o200k: 28,
    cl100k: 41,
    text:
      "Bugün hava çok güzel, birlikte sahilde yürüyüş yapıp kahve içelim mi? Görüşmeyeli uzun zaman oldu.",
  },
  {
    name: "Russian",
    o200k: 31,
    cl100k: 54,
    text:
      "Сегодня прекрасная погода, давай прогуляемся по парку и выпьем кофе. Я хотел бы поговорить о предстоящей поездке.",
  },
  {
    name: "Arabic",
    o200k: 20,
    cl100k: 38,
    text: "الطقس جميل اليوم، دعنا نتمشى في الحديقة ونشرب القهوة.",
  },
  {
    name: "Hindi",
    o200k: 22,
    cl100k: 66,
    text: "आज मौसम बहुत अच्छा है, चलो पार्क में टहलते हैं और कॉफी पीते हैं।",
  },
  {
    name: "Chinese",
    o200k: 29,
    cl100k: 48,
    text: "今天天气非常好，我们去公园散步喝咖啡吧。我想和你谈谈即将到来的旅行计划。",
  },
  {
    name: "Japanese",
    o200k: 24,
    cl100k: 37,
    text: "今日はとても天気がいいので、公園を散歩してコーヒーを飲みましょう。",
  },
  {
    name: "Korean",
    o200k: 22,
    cl100k: 44,
    text: "오늘 날씨가 정말 좋네요. 공원에서 산책하고 커피 한잔 마실까요?",
  },
  { name: "emoji", o200k: 20, cl100k: 36, text: "😀👍🏽🎉❤️👩‍👩‍👧🔥🥳🙈" },
  {
    name: "code",
    o200k: 41,
    cl100k: 41,
    text:
      "export function partTokens(part: ContextPart): number {\n  let tokens = counted.get(part);\n  if (tokens === undefined) {\n    counted.set(part, tokens);\n  }\n  return tokens;\n}\n",
  },
  {
    name: "JSON",
    o200k: 35,
    cl100k: 35,
    text:
      '{"type":"message","request_id":"r1","user_id":"discord-123","channel_id":"c456","content":"What time is it?","attachments":[]}',
  },
  {
    name: "figures",
    o200k: 43,
    cl100k: 43,
    text: "0,0.00,2026-01-01\n7919,10849.03,2026-01-02\n15838,21698.06,2026-01-03\n",
  },
  {
    name: "ids",
    o200k: 56,
    cl100k: 55,
    text: "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
  },
];

for (const { name, o200k, cl100k, text } of samples) {
  Deno.test(`${name}: the estimate with its margin covers the tokenizer's count`, () => {
    const estimate = estimateTokens(text);
    assert.ok(estimate * 1.1 >= o200k, `${estimate} is too little for ${o200k}`);
    // The older tokenizer needs more for some scripts; the usage of the first answer corrects the estimate.
    assert.ok(estimate * 1.6 >= cl100k, `${estimate} is far too little for ${cl100k}`);
    assert.ok(estimate <= o200k * 3, `${estimate} is far too much for ${o200k}`);
  });
}

Deno.test("a text twice as long has twice the tokens, and an empty one has none", () => {
  const { text } = samples[0]!;
  assert.equal(estimateTokens(""), 0);
  const ratio = estimateTokens(`${text} ${text}`) / estimateTokens(text);
  assert.ok(ratio > 1.9 && ratio < 2.1, String(ratio));
});

Deno.test("images, calls and names of a message are counted besides its text", () => {
  const plain = estimateMessage({ role: "user", content: "Hello" });
  const spoken = estimateMessage({ role: "user", content: "Hello", speaker: "Ada" });
  const image = { type: "image", url: "data:image/png;base64,AAAA" } as const;
  const shown = estimateMessage({
    role: "user",
    content: [{ type: "text", text: "Hello" }, image],
  });
  const call = { id: "call_1", name: "look", arguments: '{"at":"the sea"}' };
  const calls = estimateMessage({ role: "assistant", content: "Hello", toolCalls: [call] });
  assert.ok(plain < spoken && spoken < calls && calls < shown);
  assert.ok(shown > 1_000, "an image is not free");
});

Deno.test("an estimate that was too low is corrected upwards, and the correction decays", () => {
  const scale = new TokenScale();
  assert.equal(scale.of("m"), 1);
  scale.learn("m", { estimated: 100, actual: 0 });
  scale.learn("m", { estimated: 100, actual: 50 });
  assert.equal(scale.of("m"), 1);
  scale.learn("m", { estimated: 100, actual: 150 });
  assert.equal(scale.of("m"), 1.5);
  assert.equal(scale.of("another"), 1);
  scale.learn("m", { estimated: 100, actual: 90 });
  assert.ok(scale.of("m") < 1.5 && scale.of("m") > 1.49);
  scale.learn("m", { estimated: 100, actual: 100_000 });
  assert.equal(scale.of("m"), 2);
});
