/** Tests of the journal of tool rounds. Part of the conformance suite. */

import assert from "node:assert/strict";
import { accepted, claimed, ending, request, toolResult } from "./samples.ts";
import type { StoreTest } from "./store.ts";

const calls = [
  { id: "call-1", name: "look", arguments: '{"at":"moon"}' },
  { id: "call-2", name: "look", arguments: "{broken" },
];
const failed = {
  content: "no \u{1F600}",
  isError: true,
  files: [{ filename: "a", base64: "YQ==", mediaType: "text/plain" }],
  durationMs: 7,
};

/** Declares the tests. */
export function testJournal(test: StoreTest): void {
  test("a later attempt gets the rounds and results of earlier attempts", async (store) => {
    const seq = await accepted(store, request("a"));
    const first = (await claimed(store, seq)).claim;
    const { requests } = store;
    assert.equal(await requests.recordRound(first, { index: 0, text: "one", calls }), true);
    // Results may be added in any order and may be incomplete.
    const result = { round: 0, position: 1, result: failed };
    assert.equal(await requests.recordResult(first, result), true);
    await requests.recordRound(first, { index: 1, text: "", calls: calls.slice(0, 1) });
    const second = await claimed(store, seq);
    assert.deepEqual(second.rounds, [
      { text: "one", calls, results: [undefined, failed] },
      { text: "", calls: calls.slice(0, 1), results: [undefined] },
    ]);
    await requests.recordResult(second.claim, { round: 0, position: 0, result: toolResult });
    const third = await claimed(store, seq);
    assert.deepEqual(third.rounds[0]?.results, [toolResult, failed]);
  });

  test("a released request keeps its journal", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    await store.requests.recordRound(claim, { index: 0, text: "one", calls });
    await store.requests.recordResult(claim, { round: 0, position: 0, result: toolResult });
    await store.requests.release(claim);
    const { rounds, attempt } = await claimed(store, seq);
    assert.equal(attempt, 1);
    assert.deepEqual(rounds, [{ text: "one", calls, results: [toolResult, undefined] }]);
  });

  test("the first result of a call is kept", async (store) => {
    const seq = await accepted(store, request("a"));
    const { claim } = await claimed(store, seq);
    await store.requests.recordRound(claim, { index: 0, text: "", calls });
    for (const result of [toolResult, failed]) {
      await store.requests.recordResult(claim, { round: 0, position: 0, result });
    }
    const { rounds } = await claimed(store, seq);
    assert.deepEqual(rounds[0]?.results[0], toolResult);
  });

  test("an invalid claim cannot write to the journal", async (store) => {
    const seq = await accepted(store, request("a"));
    const old = (await claimed(store, seq)).claim;
    await store.requests.recordRound(old, { index: 0, text: "", calls });
    const { claim } = await claimed(store, seq);
    const round = { index: 1, text: "late", calls };
    const result = { round: 0, position: 0, result: toolResult };
    assert.equal(await store.requests.recordRound(old, round), false);
    assert.equal(await store.requests.recordResult(old, result), false);
    await store.requests.finish(claim, ending());
    assert.equal(await store.requests.recordRound(claim, round), false);
    assert.equal(await store.requests.recordResult(claim, result), false);
  });

  test("each request has its own journal", async (store) => {
    const [a, b] = [
      await accepted(store, request("a", { channelKey: "a" })),
      await accepted(store, request("b", { channelKey: "b" })),
    ];
    const first = (await claimed(store, a)).claim;
    await claimed(store, b);
    await store.requests.recordRound(first, { index: 0, text: "", calls });
    assert.deepEqual((await claimed(store, b)).rounds, []);
    assert.equal((await claimed(store, a)).rounds.length, 1);
  });
}
