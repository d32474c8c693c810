import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { AdapterClient } from "../support/adapter/client.ts";
import { type CommandResult, runCommand } from "../support/process/command_process.ts";
import { GatewayProcess } from "../support/process/gateway_process.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

/** Runs a command of the program. */
function clara(...args: readonly string[]): Promise<CommandResult> {
  return runCommand(args, { cwd: Deno.cwd() });
}

/** Sends messages on several channels until disposed of, and counts the replies. */
function keepSending(adapter: AdapterClient, channels: number) {
  let going = true;
  let replies = 0;
  const sending = Array.from({ length: channels }, async (_, channel) => {
    for (let turn = 0; going; turn++) {
      const channelId = `channel-${channel}`;
      await adapter.replyTo(adapter.say(`message ${turn} of ${channel}`, { channelId }));
      replies++;
    }
  });
  return {
    replies: () => replies,
    [Symbol.asyncDispose]: async () => {
      going = false;
      await Promise.all(sending);
    },
  };
}

/** All rows of the tables with conversations. */
function conversations(path: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const all = (sql: string) => database.prepare(sql).all().map((row) => ({ ...row }));
    return {
      integrity: all("PRAGMA integrity_check"),
      sessions: all("SELECT * FROM sessions ORDER BY id"),
      history: all("SELECT * FROM history ORDER BY id"),
      found: all(
        "SELECT rowid FROM history_words WHERE history_words MATCH 'message' ORDER BY rowid",
      ),
    };
  } finally {
    database.close();
  }
}

Deno.test("a backup under load, restored into an empty folder, has the same sessions and history", async () => {
  await using folder = new TempFolder();
  const [data, file, empty] = ["data", "copy.db", "new/data"].map((name) =>
    join(folder.path, name)
  ) as [string, string, string];
  {
    await using gateway = await GatewayProcess.start({ dataDir: data });
    await using adapter = await AdapterClient.connect({ url: gateway.url });
    {
      await using load = keepSending(adapter, 5);
      await adapter.replyTo(adapter.say("the first message of all"));
      const before = load.replies();
      const taken = await clara("backup", file, "--data-dir", data);
      assert.equal(taken.code, 0, taken.err);
      assert.match(taken.out, /^Backed up .*: \d sessions, \d+ lines of history/);
      // The gateway kept working meanwhile.
      assert.ok(load.replies() > before);
      await adapter.replyTo(adapter.say("the last message of all"));
    }
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
  }
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const restored = await clara("restore", file, "--data-dir", empty);
  assert.equal(restored.code, 0, restored.err);
  const copy = conversations(file);
  assert.deepEqual(copy.integrity, [{ integrity_check: "ok" }]);
  assert.deepEqual(conversations(join(empty, "gateway.db")), copy);
  // The copy is a prefix of what the gateway went on to write.
  const original = conversations(join(data, "gateway.db"));
  const lines = copy.history.length;
  assert.ok(
    lines > 0 && lines < original.history.length,
    `${lines} of ${original.history.length} lines are in the copy`,
  );
  assert.deepEqual(copy.history, original.history.slice(0, copy.history.length));
  assert.equal(copy.found.length, copy.history.length);
  // A gateway runs on the copy and finishes its open requests.
  await using gateway = await GatewayProcess.start({ dataDir: empty });
  await using adapter = await AdapterClient.connect({ url: gateway.url });
  assert.equal((await adapter.replyTo(adapter.say("and on"))).text, "and on");
});

Deno.test("restoring fails if a gateway runs on the folder; a stopped one keeps its old data", async () => {
  await using folder = new TempFolder();
  const [data, file] = ["data", "copy.db"].map((name) => join(folder.path, name)) as [
    string,
    string,
  ];
  {
    await using gateway = await GatewayProcess.start({ dataDir: data });
    await using adapter = await AdapterClient.connect({ url: gateway.url });
    await adapter.replyTo(adapter.say("one message"));
    assert.equal((await clara("backup", file, "--data-dir", data)).code, 0);
    await adapter.replyTo(adapter.say("another message"));
    const refused = await clara("restore", file, "--data-dir", data);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /another gateway is running on it/);
    // Killed, so its write-ahead log is not merged.
    await gateway.kill();
  }
  const restored = await clara("restore", file, "--data-dir", data);
  assert.equal(restored.code, 0, restored.err);
  const kept = /The previous store was renamed to (.+)/.exec(restored.out)![1]!;
  assert.equal(conversations(kept).history.length, 4);
  assert.equal(conversations(join(data, "gateway.db")).history.length, 2);
});

Deno.test("backup rejects an existing target, and restore rejects a file that is no backup", async () => {
  await using folder = new TempFolder();
  const at = (name: string) => join(folder.path, name);
  const text = at("text");
  await Deno.writeTextFile(text, "not a database, but long enough to look at it for a while");
  {
    await using gateway = await GatewayProcess.start({ dataDir: at("data") });
    await gateway.kill("SIGTERM");
  }

  const refused = await clara("backup", text, "--data-dir", at("data"));
  assert.equal(refused.code, 2);
  assert.match(refused.err, /Cannot write ".*text": it already exists/);
  assert.match(await Deno.readTextFile(text), /^not a database/);
  assert.equal((await clara("backup", at("no/where"), "--data-dir", at("data"))).code, 1);
  assert.match(
    (await clara("backup", at("x"), "--data-dir", at("no"))).err,
    /contains no store/,
  );
  assert.equal((await clara("backup")).code, 2);

  assert.match(
    (await clara("restore", text, "--data-dir", at("new"))).err,
    /Cannot use ".*text" as a backup: file is not a database/,
  );
  assert.equal((await clara("restore", at("missing"), "--data-dir", at("new"))).code, 1);

  assert.equal((await clara("backup", text, "--force", "--data-dir", at("data"))).code, 0);
  const database = new DatabaseSync(text);
  database.exec("PRAGMA user_version = 999");
  database.close();
  const newer = await clara("restore", text, "--data-dir", at("new"));
  assert.equal(newer.code, 1);
  assert.match(newer.err, /its version is 999/);

  const empty = new DatabaseSync(at("empty.db"));
  empty.exec("CREATE TABLE other (a)");
  empty.close();
  assert.match(
    (await clara("restore", at("empty.db"), "--data-dir", at("new"))).err,
    /it is a database of another program/,
  );
  const names = Array.from(Deno.readDirSync(folder.path), ({ name }) => name).sort();
  assert.deepEqual(names, ["data", "empty.db", "text"]);
});
