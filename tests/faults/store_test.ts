/** A full disk, a read-only folder, a torn file: reported, survived, and never made worse. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { TempFolder } from "../support/process/temp_folder.ts";
import { canMount, Tmpfs } from "../support/process/tmpfs.ts";

const nodeId = "adapter-1";

/** Sends a message until the store accepts it. */
async function sendUntilAccepted(adapter: AdapterClient, content: string): Promise<string> {
  for (;;) {
    const { terminal, text } = await adapter.replyTo(adapter.say(content));
    if (terminal.type === "response_end") return text;
    assert.equal(terminal.code, "internal_error");
  }
}

/** Asserts a refusal by the store that says the message may be retried. */
async function refused(adapter: AdapterClient, content: string): Promise<void> {
  const { terminal } = await adapter.replyTo(adapter.say(content));
  assert.equal(terminal.type, "error");
  assert.equal(terminal.recoverable, true);
  assert.match(terminal.message!, /store is unavailable/);
}

function integrity(dataDir: string): unknown {
  const database = new DatabaseSync(join(dataDir, "gateway.db"), { readOnly: true });
  try {
    return database.prepare("PRAGMA integrity_check").get()!.integrity_check;
  } finally {
    database.close();
  }
}

Deno.test("fault 13: a locked database refuses new messages, and a running turn ends when it is free", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  const gate = new Gate();
  llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
  const running = adapter.say("Count", { channelId: "running" });
  await adapter.waitFor(({ content }) => content === "one ");
  const other = new DatabaseSync(join(folder.path, "gateway.db"));
  other.exec("BEGIN IMMEDIATE");
  gate.open();
  await refused(adapter, "Refused");
  assert.equal((await gateway.health()).status, "ok");
  await gateway.waitForLog(/database is locked.*retrying/);
  assert.equal(adapter.framesOf(running).some(({ type }) => type === "response_end"), false);
  other.exec("ROLLBACK");
  other.close();
  assert.equal((await adapter.replyTo(running)).text, "one two");
  assert.equal((await adapter.replyTo(adapter.say("Taken"))).text, "Taken");
});

Deno.test({
  name:
    "fault 13: on a full disk messages are refused, nothing accepted is lost, and room heals it",
  ignore: !await canMount(),
  fn: async () => {
    await using llm = LlmServer.start();
    await using disk = await Tmpfs.mount({ bytes: 4 << 20 });
    await using gateway = await startGateway(llm, disk);
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
    const gate = new Gate();
    llm.reply({ text: ["one ", "two"], gateAfter: { chunks: 1, until: gate.opened } });
    const running = adapter.say("Count", { channelId: "running" });
    await adapter.waitFor(({ content }) => content === "one ");
    const filler = join(disk.path, "filler");
    await fill(filler);
    // A few pages may still fit into the log file; a megabyte does not.
    await refused(adapter, "x".repeat(1 << 20));
    gate.open();
    assert.notEqual((await gateway.health()).status, "stopping");
    const large = "y".repeat(600_000);
    await refused(adapter, large);
    await Deno.remove(filler);
    assert.equal((await adapter.replyTo(running)).text, "one two");
    assert.equal(await sendUntilAccepted(adapter, "Taken"), "Taken");
    assert.equal((await gateway.kill("SIGTERM")).code, 0);
    assert.equal(integrity(disk.path), "ok");
  },
});

Deno.test({
  name:
    "fault 13: a data folder that is read-only stops the start and says so; writable, it has all",
  ignore: !await canMount(),
  fn: async () => {
    await using llm = LlmServer.start();
    await using disk = await Tmpfs.mount({ bytes: 16 << 20 });
    let id = "";
    {
      await using gateway = await startGateway(llm, disk);
      await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
      id = adapter.say("Before");
      await adapter.replyTo(id);
      await gateway.kill("SIGTERM");
    }
    assert.ok(await disk.remount("ro"));
    await assert.rejects(startGateway(llm, disk), /Cannot use data folder ".*": it is read-only/);
    assert.ok(await disk.remount("rw"));
    await using gateway = await startGateway(llm, disk);
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
    adapter.say("Before", { requestId: id });
    assert.equal((await adapter.replyTo(id)).terminal.content, "Before");
    assert.equal(llm.requests.length, 1);
  },
});

Deno.test("fault 12: kills during checkpoints leave an intact store with every accepted message", async () => {
  await using llm = LlmServer.start();
  await using folder = new TempFolder();
  const ids: string[] = [];
  // About 4,000 pages trigger a checkpoint: long messages cause one every 80 of them.
  const sentEach = 90;
  const text = "w".repeat(200_000);
  llm.when(() => true, { text: "Read." });
  for (let round = 0; round < 3; round++) {
    await using gateway = await startGateway(llm, folder);
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
    for (let sent = 0; sent < sentEach; sent++) {
      ids.push(adapter.say(text, { requestId: `${round}-${sent}`, channelId: `${sent % 8}` }));
    }
    await adapter.replyTo(`${round}-${25 + 25 * round}`);
    await gateway.kill();
    assert.equal(integrity(folder.path), "ok");
  }
  // Only checkpoints make the file itself grow.
  const { size } = await Deno.stat(join(folder.path, "gateway.db"));
  assert.ok(size > 2_000_000, `no checkpoint in ${size} bytes`);
  await using gateway = await startGateway(llm, folder);
  await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
  for (const [index, requestId] of ids.entries()) {
    adapter.resend(text, { requestId, channelId: `${index % sentEach % 8}` });
  }
  for (const id of ids) {
    const { terminal } = await adapter.replyTo(id, { timeoutMs: 60_000 });
    assert.equal(terminal.content, "Read.", JSON.stringify(terminal));
  }
  await gateway.kill("SIGTERM");
  assert.equal(integrity(folder.path), "ok");
});

for (
  const torn of [
    "cut in its last page",
    "followed by garbage",
    "with a flipped bit in its last page",
  ]
) {
  Deno.test(`fault 12: a log ${torn} loses no message that was answered before it`, async () => {
    await using llm = LlmServer.start();
    await using folder = new TempFolder();
    const ids: string[] = [];
    {
      await using gateway = await startGateway(llm, folder);
      await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
      for (let index = 0; index < 5; index++) {
        ids.push(adapter.say(`message ${index}`));
        await adapter.replyTo(ids.at(-1)!);
      }
      // The torn part is the last transaction, which comes after all of these.
      llm.reply({ hang: "before-headers" });
      adapter.say("the last");
      await llm.request(5);
      await gateway.kill();
    }
    tear(join(folder.path, "gateway.db-wal"), torn);
    await using gateway = await startGateway(llm, folder);
    await using adapter = await AdapterClient.connect({ url: gateway.url, nodeId });
    for (const [index, requestId] of ids.entries()) {
      adapter.resend(`message ${index}`, { requestId });
      assert.equal((await adapter.replyTo(requestId)).terminal.content, `message ${index}`);
    }
    assert.equal(llm.requests.filter(({ body }) => lastText(body).startsWith("message")).length, 5);
    await gateway.kill("SIGTERM");
    assert.equal(integrity(folder.path), "ok");
  });
}

Deno.test("fault 14: a corrupt database or one of a newer version prevents the start and is left byte for byte", async () => {
  await using llm = LlmServer.start();
  for (const kind of ["corrupt", "newer"] as const) {
    await using folder = new TempFolder();
    const path = join(folder.path, "gateway.db");
    if (kind === "corrupt") {
      await Deno.writeFile(path, crypto.getRandomValues(new Uint8Array(50_000)));
    } else {
      const database = new DatabaseSync(path);
      database.exec("CREATE TABLE things (id); PRAGMA user_version = 9999");
      database.close();
    }
    const before = digest(path);
    await assert.rejects(
      startGateway(llm, folder),
      kind === "corrupt" ? /Cannot open store.*was not changed/ : /its version is 9999/,
    );
    assert.equal(digest(path), before);
  }
});

function digest(path: string): string {
  return createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
}

/** Damages the end of a log like a power failure. */
function tear(path: string, how: string): void {
  const bytes = Deno.readFileSync(path);
  if (how.startsWith("cut")) Deno.writeFileSync(path, bytes.subarray(0, bytes.length - 1_000));
  else if (how.startsWith("followed")) {
    Deno.writeFileSync(path, new Uint8Array(6_000).fill(0xa5), { append: true });
  } else {
    bytes[bytes.length - 100]! ^= 4;
    Deno.writeFileSync(path, bytes);
  }
}

async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true });
  for (const size of [1 << 16, 1 << 12, 1]) {
    const piece = new Uint8Array(size);
    try {
      while (await file.write(piece) === size);
    } catch (error) {
      if (!/No space left/.test(String(error))) throw error;
    }
  }
}
