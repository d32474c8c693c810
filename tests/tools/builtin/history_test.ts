import assert from "node:assert/strict";
import { getHistory } from "../../../src/tools/builtin/history.ts";
import { finished, sessionOf } from "../../store/conformance/samples.ts";
import { SqliteFolder } from "../../store/sqlite/sqlite_place.ts";
import { callTool } from "../call_tool.ts";

const channelKey = "channel-1";

Deno.test("the history comes in pages with ids, newest message first", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const { session } = await store.sessions.open(sessionOf("session-1"));
  await finished(store, { sessionId: session.id, lines: ["one", "two"] });
  await finished(store, { sessionId: session.id, lines: ["three", "four"] });
  await store.sessions.endIdle({ idleBefore: 9e9, now: 9e9, limit: 9 });

  const tool = getHistory(store.history);
  const first = String(await callTool(tool, { limit: 3 }));
  assert.deepEqual(first.split("\n").map((line) => line.replace(/\[.*\]/, "-")), [
    "#4 - assistant: four",
    "#3 - Ada: three",
    "#2 - assistant: two",
  ]);
  assert.match(String(await callTool(tool, { before_id: 2 })), /^#1 \[1970.*\] Ada: one$/);
  assert.equal(
    await callTool(tool, { before_id: 1 }),
    "There are no messages before id 1.",
  );
});

Deno.test("the history of another channel is not shown", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  const { session } = await store.sessions.open(sessionOf("session-1"));
  await finished(store, { sessionId: session.id });
  const tool = getHistory(store.history);
  const other = await callTool(tool, {}, { channelKey: "channel-2" });
  assert.equal(other, "There are no earlier messages.");
  const page = await store.history.page({ channelKey, limit: 100 });
  assert.deepEqual(page.map(({ content }) => content), ["answer", "question"]);
});

Deno.test("a limit over 100 is refused", async () => {
  await using place = new SqliteFolder();
  await using store = await place.open();
  await assert.rejects(callTool(getHistory(store.history), { limit: 101 }), /limit/);
});
