/** Erasing deleted data from the disk while the gateway runs. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { filesWith } from "../../support/database_text.ts";
import { accepted, finished, message, request, sessionOf } from "../conformance/samples.ts";
import { SqliteFolder } from "./sqlite_folder.ts";

const ada = { platform: "test", userId: "user-1" };

/** Inserts lines of another user directly into the database, for speed. */
function fill(folder: SqliteFolder, lines: number): void {
  const database = new DatabaseSync(folder.database);
  database.exec("BEGIN");
  const insert = database.prepare(
    `INSERT INTO history (session_id, channel_key, thread_id, request_seq, role, content, user_id,
       partial, at) VALUES ('other', 'channel-1', '', 1, 'user', ?, 'user-2', 0, 1)`,
  );
  for (let line = 0; line < lines; line++) {
    const words = Array.from(
      { length: 20 },
      (_, index) => ((line * 20 + index) * 7919).toString(36),
    );
    insert.run(words.join(" "));
  }
  database.exec("COMMIT");
  database.close();
}

Deno.test("a scrub does not block writes and leaves no deleted word on disk", async () => {
  await using folder = new SqliteFolder();
  {
    await using store = await folder.open();
    await store.sessions.open(sessionOf("s"));
    await store.sessions.open(sessionOf("other", { userId: "user-2" }));
    await finished(store, { sessionId: "s", lines: ["I play the Xylophon", "Fine"] });
  }
  fill(folder, 20_000);
  {
    await using store = await folder.open();
    // A search indexes all lines.
    await store.history.search({ channelKey: "channel-1", query: "nothing", limit: 1 });
    await store.forget.forget(ada);
    let done = false;
    const scrubbing = store.forget.scrub().then(() => done = true);
    let written = 0;
    while (!done) {
      const id = `b-${written++}`;
      await accepted(store, request(id, { message: message(id, { user: { id: "user-2" } }) }));
    }
    await scrubbing;
    assert.ok(written > 5, `${written} writes during the scrub`);
    const found = await store.history.search({
      channelKey: "channel-1",
      query: (7919).toString(36),
      limit: 9,
    });
    assert.equal(found.length, 1);
  }
  assert.deepEqual(filesWith(folder.path, ["Xylophon"]), []);
  const database = new DatabaseSync(folder.database);
  database.exec("INSERT INTO history_words (history_words) VALUES ('integrity-check')");
  database.close();
});

Deno.test("deleting a line that is not yet indexed keeps the index intact", async () => {
  await using folder = new SqliteFolder();
  {
    await using store = await folder.open();
    const find = (query: string) =>
      store.history.search({ channelKey: "channel-1", query, limit: 9 });
    await store.sessions.open(sessionOf("s"));
    await store.sessions.open(sessionOf("other", { userId: "user-2" }));
    await finished(store, { sessionId: "other", lines: ["a trumpet", "fine"] });
    assert.equal((await find("trumpet")).length, 1);
    await finished(store, { sessionId: "s", lines: ["a Xylophon", "fine"] });
    await finished(store, { sessionId: "other", lines: ["a drum", "fine"] });
    await store.forget.forget(ada, { unfinishedToo: true });
    assert.equal((await find("drum")).length, 1);
    assert.deepEqual(await find("Xylophon"), []);
    assert.equal((await find("trumpet")).length, 1);
    assert.equal((await find("fine")).length, 2);
  }
  assert.deepEqual(filesWith(folder.path, ["Xylophon"]), []);
  const database = new DatabaseSync(folder.database);
  database.exec("INSERT INTO history_words (history_words) VALUES ('integrity-check')");
  database.close();
});
