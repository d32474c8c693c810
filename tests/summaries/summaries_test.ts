/** Summaries of ended sessions, with a store and a model of their own. */

import assert from "node:assert/strict";
import { catalogOf } from "../../src/llm/catalog.ts";
import { OpenAiClient } from "../../src/llm/openai/client.ts";
import type { SqliteStore } from "../../src/store/sqlite/store.ts";
import { BackgroundJobs } from "../../src/summaries/background_jobs.ts";
import { Summaries } from "../../src/summaries/summaries.ts";
import { conversation, finished, sessionOf } from "../store/conformance/samples.ts";
import { SqliteFolder } from "../store/sqlite/sqlite_place.ts";
import { Gate } from "../support/gate.ts";
import { LlmServer } from "../support/llm/server.ts";

/** A store with an ended session that has enough to be summed up. */
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

Deno.test("a session that is looked for while it is summed up is paid for once", async () => {
  await using llm = LlmServer.start();
  const gate = new Gate();
  llm.when(() => true, { text: "The notes.", gate: gate.opened });
  await using place = new SqliteFolder();
  await using store = await endedSession(place);
  const jobs = new BackgroundJobs();
  await using summaries = summariesOf({ store, llm, jobs, historyTokens: 4_000 });
  summaries.look();
  await llm.request(0);
  summaries.look();
  gate.open();
  await jobs.idle();
  assert.equal(llm.requests.length, 1);
  const last = await store.summaries.lastSession({ conversation, userId: "user-1" });
  assert.equal(last?.text, "The notes.");
});

Deno.test("where history has no room, nothing is summed up; where it has little, in some words", async () => {
  await using llm = LlmServer.start();
  llm.when(() => true, { text: "The notes, which are as short as can be." });
  await using place = new SqliteFolder();
  await using store = await endedSession(place);
  const wanted = [[0, undefined], [8, "The notes, which are as short as can be."]] as const;
  for (const [historyTokens, text] of wanted) {
    const jobs = new BackgroundJobs();
    await using summaries = summariesOf({ store, llm, jobs, historyTokens });
    summaries.look();
    await jobs.idle();
    const last = await store.summaries.lastSession({ conversation, userId: "user-1" });
    assert.equal(last?.text, text);
  }
  assert.equal(llm.requests.length, 1);
});
