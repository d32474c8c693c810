/** The commands `sessions` and `forget` as processes, with and without a running gateway. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { type CommandResult, runCommand } from "../../support/process/command_process.ts";
import { tablesWith } from "../../support/database_text.ts";
import { TempFolder } from "../../support/process/temp_folder.ts";
import { TestGateway } from "../../support/test_gateway.ts";

/** Runs a command; without a URL, no gateway is running. */
function run(
  words: readonly string[],
  { url, dataDir }: { readonly url?: string; readonly dataDir: string },
): Promise<CommandResult> {
  return runCommand([...words, ...(url ? ["--url", url] : []), "--data-dir", dataDir], {
    cwd: dataDir,
  });
}

/** Creates two sessions: Ada's, which has ended, and Bob's. */
async function converse(gateway: TestGateway): Promise<void> {
  await using adapter = await gateway.connect();
  const ada = { userId: "ada-4711", user_name: "Ada", channelId: "lobby" };
  await adapter.replyTo(adapter.say("Hello \u001b[31mClara", ada));
  await adapter.replyTo(adapter.say("/new", ada));
  await adapter.replyTo(adapter.say("Good day", { userId: "bob", channelId: "lobby" }));
}

Deno.test("with a running gateway, sessions are listed, shown, exported and ended", async () => {
  await using gateway = await TestGateway.start();
  await converse(gateway);
  const where = { url: gateway.url, dataDir: gateway.dataDir };
  const listed = await run(["sessions", "list", "--json"], where);
  assert.equal(listed.code, 0, listed.err);
  const [bob, ada] = JSON.parse(listed.out);
  assert.deepEqual([bob.user_id, bob.ended_at, bob.lines], ["bob", null, 2]);
  assert.equal(ada.user_id, "ada-4711");
  assert.ok(Date.parse(ada.ended_at) >= Date.parse(ada.started_at));
  const table = await run(["sessions", "list", "--user", "ada-4711", "--platform", "test"], where);
  assert.equal(table.out.split("\n").length, 2);
  assert.match(table.out, /^ID +PLATFORM +CHANNEL +USER/);

  const shown = await run(["sessions", "show", ada.id], where);
  assert.match(shown.out, /\*\*Ada\*\* \(\d{4}-.*Z\)\n\nHello �\[31mClara/);
  const exported = await run(["sessions", "export", ada.id], where);
  const lines = exported.out.split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ role, content }) => [role, content]), [
    ["user", "Hello \u001b[31mClara"],
    ["assistant", "Hello \u001b[31mClara"],
  ]);
  const markdown = await run(["sessions", "export", bob.id, "--format", "markdown"], where);
  assert.match(markdown.out, /^# Session .*\n\n- Platform: test\n- Channel: lobby\n- User: bob\n/);

  assert.deepEqual(await run(["sessions", "end", bob.id], where), {
    code: 0,
    out: "Ended.",
    err: "",
  });
  const again = await run(["sessions", "end", bob.id], where);
  assert.deepEqual([again.code, again.err], [1, "There is no open session with this id"]);
});

Deno.test("without a gateway, sessions are read from the store, and a user is forgotten", async () => {
  await using gateway = await TestGateway.start();
  await converse(gateway);
  await gateway.stop();
  const where = { dataDir: gateway.dataDir };
  const listed = await run(["sessions", "list", "--json"], where);
  assert.equal(JSON.parse(listed.out).length, 2);
  const forgotten = await run(["forget", "--user", "test:ada-4711", "--json"], where);
  assert.equal(forgotten.code, 0, forgotten.err);
  assert.equal(JSON.parse(forgotten.out).history, 2);
  assert.deepEqual(tablesWith(gateway.dataDir, ["31mClara", "ada-4711"]), []);
  const rest = await run(["sessions", "list", "--json"], where);
  assert.deepEqual(
    JSON.parse(rest.out).map((session: { readonly user_id: string }) => session.user_id),
    ["bob"],
  );
});

const wrong = [
  { words: ["sessions", "dance"], says: /Cannot use "dance" after sessions/ },
  { words: ["sessions", "show"], says: /Missing: the session's id/ },
  { words: ["forget"], says: /expected PLATFORM:ID/ },
  { words: ["forget", "--user", "ada"], says: /"ada": expected PLATFORM:ID/ },
];
Deno.test("wrong usage exits with code 2 and a hint", async () => {
  await using gateway = await TestGateway.start({ llm: "echo" });
  for (const { words, says } of wrong) {
    const { code, err } = await run(words, { dataDir: gateway.dataDir });
    assert.equal(code, 2, words.join(" "));
    assert.match(err, says);
  }
  const unknown = await run(["sessions", "show", "nothing"], {
    url: gateway.url,
    dataDir: gateway.dataDir,
  });
  assert.deepEqual([unknown.code, unknown.err], [1, "There is no session with this id"]);
  const format = await run(["sessions", "export", "x", "--format", "pdf"], {
    url: gateway.url,
    dataDir: gateway.dataDir,
  });
  assert.equal(format.code, 1);
  assert.match(format.err, /format/);
});

Deno.test("without a gateway, errors of the store are printed as they are", async () => {
  await using folder = new TempFolder();
  const dataDir = folder.path;
  await SqliteStore.open(dataDir)[Symbol.asyncDispose]();
  const database = new DatabaseSync(join(dataDir, "gateway.db"));
  database.exec("DROP TABLE sessions");
  database.close();
  for (const words of [["sessions", "list"], ["forget", "--user", "test:ada"]]) {
    const { code, err } = await run(words, { dataDir });
    assert.equal(code, 1);
    // Deno 2.4 does not say which table.
    assert.match(
      err,
      /^Cannot (read|write to) the store: (no such table: \w+|failed to prepare statement)$/,
    );
  }
});
