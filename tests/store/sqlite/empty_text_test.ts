/** Texts of nothing, which SQLite takes for NULL when a part of them is asked for. */

import assert from "node:assert/strict";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { request } from "../conformance/samples.ts";

Deno.test("a line of history without text is read as such, and hides no other", async () => {
  await using folder = new TempFolder();
  await using store = SqliteStore.open(folder.path);
  const conversation = { channelKey: "p:c", threadId: "" };
  const { session } = await store.sessions.open({
    id: "s",
    nodeId: "n",
    platform: "p",
    userId: "u",
    channelId: "c",
    conversation,
    now: 1,
    idleBefore: 0,
  });
  const acceptance = await store.requests.accept(
    request("r", { nodeId: "n", platform: "p", channelKey: "p:c" }),
  );
  assert.equal(acceptance.type, "accepted");
  const seq = acceptance.type === "accepted" ? acceptance.request.seq : 0;
  const claimed = await store.requests.claim(seq, { owner: "o", now: 1, idleBefore: 0 });
  await store.requests.finish(claimed!.claim, {
    outcome: { type: "cancelled" },
    now: 2,
    sessionId: session.id,
    conversation,
    history: ["", "text"].map((content) => ({
      role: "user",
      content,
      userId: "u",
      partial: false,
      at: 1,
    })),
  });
  const recent = await store.history.recent({ conversation, limit: 10, lineBytes: 100 });
  assert.deepEqual(recent.map(({ content }) => content), ["", "text"]);
  const page = await store.history.page({ channelKey: "p:c", limit: 10 });
  assert.deepEqual(page.map(({ content }) => content), ["text", ""]);
});
