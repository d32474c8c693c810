/** Summaries: of ended sessions with a store and a model, and the choice of lines for them. */

import assert from "node:assert/strict";
import { catalogOf } from "../../src/llm/catalog.ts";
import { OpenAiClient } from "../../src/llm/openai/client.ts";
import { estimateTokens } from "../../src/llm/tokens.ts";
import type { HistoryEntry } from "../../src/store/history_store.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { BackgroundJobs } from "../../src/summaries/background_jobs.ts";
import {
  linesToSummarize,
  lineTokens,
  newestLines,
  Summaries,
  summaryPrompt,
  trimSummary,
} from "../../src/summaries/summaries.ts";
import { conversation, finished, sessionOf } from "../store/conformance/samples.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_place.ts";
import { Gate } from "../support/gate.ts";
import { LlmServer } from "../support/llm/server.ts";

/** Returns a store with an ended session that is long enough for a summary. */
async function endedSession(place: SqliteFolder): Promise<SqliteStore> {
  const store = await place.open();
  await store.sessions.open(sessionOf("s-1"));
  const lines = [`I have a cat${" and so on".repeat(100)}`, "I see."] as const;
  await finished(store, { sessionId: "s-1", lines });
  await store.sessions.endById({ id: "s-1", now: Date.now() });
  return store;
}

function summariesOf(
  { store, llm, jobs, historyTokens }: {
    readonly store: SqliteStore;
    readonly llm: LlmServer;
    readonly jobs: BackgroundJobs;
    readonly historyTokens: number;
  },
): Summaries {
  const catalog = catalogOf({
    model: "m",
    tierModels: {},
    fallbacks: [],
    baseUrl: llm.url,
    showReasoning: false,
    autoTier: false,
    stallMs: 60_000,
    totalMs: 60_000,
  });
  return new Summaries({
    store: store.summaries,
    history: store.history,
    llm: new OpenAiClient({ catalog: catalog! }),
    inputTokens: () => 8_000,
    historyTokens,
    jobs,
  });
}

Deno.test("a scan during a session's summary does not summarize it again", async () => {
  await using llm = LlmServer.start();
  const gate = new Gate();
  llm.when(() => true, { text: "The notes.", gate: gate.opened });
  await using place = new SqliteFolder();
  await using store = await endedSession(place);
  const jobs = new BackgroundJobs();
  await using summaries = summariesOf({ store, llm, jobs, historyTokens: 4_000 });
  summaries.scan();
  await llm.request(0);
  summaries.scan();
  gate.open();
  await jobs.idle();
  assert.equal(llm.requests.length, 1);
  const last = await store.summaries.lastSession({ conversation, userId: "user-1" });
  assert.equal(last?.text, "The notes.");
});

Deno.test("without room for history nothing is summarized; with little room the summary is short", async () => {
  await using llm = LlmServer.start();
  llm.when(() => true, { text: "The notes, which are as short as can be." });
  await using place = new SqliteFolder();
  await using store = await endedSession(place);
  const cases = [[0, undefined], [8, "The notes, which are as short as can be."]] as const;
  for (const [historyTokens, text] of cases) {
    const jobs = new BackgroundJobs();
    await using summaries = summariesOf({ store, llm, jobs, historyTokens });
    summaries.scan();
    await jobs.idle();
    const last = await store.summaries.lastSession({ conversation, userId: "user-1" });
    assert.equal(last?.text, text);
  }
  assert.equal(llm.requests.length, 1);
});

/** Returns exchanges whose lines have `tokens` tokens each. */
function lines(exchanges: number, tokens = 96): readonly HistoryEntry[] {
  return Array.from({ length: exchanges * 2 }, (_, index) => ({
    id: index + 1,
    sessionId: "s",
    role: index % 2 === 0 ? "user" as const : "assistant" as const,
    content: "word" + " and".repeat(tokens - 1),
    userId: "ada",
    partial: false,
    at: 0,
  }));
}

const sum = (some: readonly HistoryEntry[]) =>
  some.reduce((total, line) => total + lineTokens(line), 0);

Deno.test("nothing is summarized until three quarters of the room are full", () => {
  const room = 2_000;
  assert.deepEqual(linesToSummarize(lines(7), { room, requestTokens: 9_000 }), []);
  assert.ok(linesToSummarize(lines(8), { room, requestTokens: 9_000 }).length > 0);
});

Deno.test("half of the room is freed, and the remaining lines start with a user", () => {
  for (let exchanges = 8; exchanges < 60; exchanges++) {
    const all = lines(exchanges);
    const taken = linesToSummarize(all, { room: 2_000, requestTokens: 90_000 });
    const left = all.slice(taken.length);
    assert.ok(sum(left) <= 1_000 && sum(left) > 700, `${sum(left)} of ${exchanges}`);
    assert.equal(left[0]!.role, "user");
    assert.deepEqual(taken, all.slice(0, taken.length));
  }
});

Deno.test("a summary takes what fits into a request, and at least one line", () => {
  const taken = linesToSummarize(lines(60), { room: 2_000, requestTokens: 1_000 });
  assert.equal(taken.length, 10);
  assert.equal(linesToSummarize(lines(60, 5_000), { room: 2_000, requestTokens: 1_000 }).length, 1);
});

Deno.test("many short lines are summarized, however few tokens they have", () => {
  assert.deepEqual(linesToSummarize(lines(150, 1), { room: 16_000, requestTokens: 9_000 }), []);
  const taken = linesToSummarize(lines(151, 1), { room: 16_000, requestTokens: 9_000 });
  assert.equal(302 - taken.length, 150);
});

Deno.test("a huge last exchange is kept, since the next message may refer to it", () => {
  const all = [...lines(3), ...lines(1, 9_000)];
  const taken = linesToSummarize(all, { room: 2_000, requestTokens: 90_000 });
  assert.equal(taken.length, 6);
});

Deno.test("the newest lines that fit into a request are used", () => {
  const all = lines(10);
  assert.deepEqual(newestLines(all, { requestTokens: 500 }), all.slice(15));
  assert.deepEqual(newestLines(all, { requestTokens: 50_000 }), all);
  assert.deepEqual(newestLines(all, { requestTokens: 50 }), []);
});

Deno.test("the prompt has the notes so far, then each line with its speaker", () => {
  const [user, assistant] = lines(1, 1);
  const [system, asked] = summaryPrompt({
    notes: "A cat.",
    lines: [{ ...user!, userName: "Ada\nL." }, { ...assistant!, partial: true }],
    tokens: 500,
  });
  assert.match(String(system!.content), /At most 300 words/);
  assert.equal(
    asked!.content,
    "# Notes so far\nA cat.\n\n# Lines\nAda L.: word\n(assistant): word [cut off]",
  );
});

Deno.test("an answer is cut to the longest summary, and an empty one is rejected", () => {
  assert.equal(trimSummary("  Short.\n", { tokens: 100 }), "Short.");
  const trimmed = trimSummary("much 😀 ".repeat(1_000), { tokens: 100 });
  assert.ok(estimateTokens(trimmed) <= 103 && trimmed.endsWith(" …") && trimmed.isWellFormed());
  assert.throws(() => trimSummary(" \n", { tokens: 100 }), /empty summary/);
});
