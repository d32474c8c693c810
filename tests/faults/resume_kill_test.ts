/**
 * The gateway is killed while adapters can resume: the session continues if the disk has everything
 * they have seen, and is refused otherwise.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Gate } from "../support/gate.ts";
import { startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import { isTerminal } from "../support/adapter/received_frame.ts";
import { ResumingReader } from "../support/adapter/resuming_reader.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

/** A gateway's database, opened by the test. */
class Disk implements Disposable {
  readonly #database: DatabaseSync;

  constructor(folder: TempFolder) {
    this.#database = new DatabaseSync(join(folder.path, "gateway.db"));
  }

  /** The number of the last frame on disk, of the only session. */
  get lastSeq(): number {
    const row = this.#database.prepare("SELECT last_seq FROM adapter_sessions").get();
    return Number(row?.last_seq ?? -1);
  }

  /** Resolves when frames up to this number are on disk. */
  async has(seq: number): Promise<void> {
    while (this.lastSeq < seq) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Blocks all other writers from now on. */
  lock(): void {
    this.#database.exec("BEGIN IMMEDIATE");
  }

  unlock(): void {
    this.#database.exec("ROLLBACK");
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/**
 * A gateway in the middle of a reply, of which a resuming adapter has seen the first of three
 * pieces.
 */
async function halfReply() {
  await using stack = new AsyncDisposableStack();
  const llm = stack.use(LlmServer.start());
  const folder = stack.use(new TempFolder());
  const reader = new ResumingReader();
  const killed = stack.use(await startGateway(llm, folder));
  const there = await reader.connect(killed.url);
  const gate = new Gate();
  llm.reply({ text: ["one ", "two ", "three"], gateAfter: { chunks: 1, until: gate.opened } });
  const id = there.say("Count");
  await there.waitFor(({ content }) => content === "one ");
  const all = stack.move();
  return {
    llm,
    folder,
    reader,
    killed,
    there,
    gate,
    id,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

Deno.test("fault 2: a session that is complete on disk continues after a kill, and no reply is repeated", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const reader = new ResumingReader();
  await using killed = await startGateway(llm, folder);
  const there = await reader.connect(killed.url);
  const seen = there.say("seen");
  const { terminal } = await there.replyTo(seen);
  reader.collect(there);
  const { lastSeq } = reader;
  // The next one is sent completely and lost in transit.
  there.relay!.stall("to-client");
  const unseen = there.say("unseen");
  {
    using disk = new Disk(folder);
    await disk.has(Number(terminal.seq) + 4);
  }
  await killed.kill();
  await there.drop();
  assert.equal(there.framesOf(unseen).length, 0);
  await there.close();

  await using gateway = await startGateway(llm, folder);
  const back = await reader.connect(gateway.url);
  assert.equal(lastSeq, Number(terminal.seq));
  await back.replyTo(unseen);
  const next = back.say("next");
  await back.replyTo(next);
  await back.ping();
  await reader.close(back);
  reader.assertComplete();
  assert.deepEqual([seen, unseen, next].map((id) => reader.countEnds(id)), [1, 1, 1]);
  assert.equal(llm.requests.length, 3);
});

Deno.test("fault 2: an adapter that has seen more than the disk has is refused and gets the whole reply", async () => {
  await using begun = await halfReply();
  const { llm, folder, killed, reader, there, gate, id } = begun;
  {
    using disk = new Disk(folder);
    await disk.has(2);
    disk.lock();
    gate.open();
    await there.waitFor(({ content }) => content === "three");
    await killed.kill();
    disk.unlock();
  }
  await there.closed;
  await reader.close(there);
  assert.ok(reader.lastSeq > 2);

  // Killed again after the turn has run: its frames now go no further than what was seen.
  const text = Array.from({ length: 50 }, (_, index) => `${index} `);
  llm.reply({ text });
  {
    await using second = await startGateway(llm, folder);
    await (await llm.request(1)).finished;
    await second.kill();
  }
  await using gateway = await startGateway(llm, folder);
  await using back = await reader.resumeRefused(gateway.url);
  const { terminal, frames } = await back.replyTo(id);
  assert.equal(frames[0]!.seq, 1);
  assert.ok([text.join(""), "Count"].includes(terminal.content!), terminal.content);
});

Deno.test("fault 2: frames neither seen nor on disk are lost, and their numbers are reused", async () => {
  await using begun = await halfReply();
  const { llm, folder, killed, reader, there, gate, id } = begun;
  {
    using disk = new Disk(folder);
    await disk.has(2);
    disk.lock();
    there.relay!.stall("to-client");
    gate.open();
    await (await llm.request(0)).finished;
    await killed.waitForLog(/Cannot save adapter sessions/);
    await killed.kill();
    disk.unlock();
  }
  await there.drop();
  await reader.close(there);
  assert.equal(reader.lastSeq, 2);

  llm.reply({ text: ["four ", "five"] });
  await using gateway = await startGateway(llm, folder);
  const back = await reader.connect(gateway.url);
  const { terminal } = await back.replyTo(id);
  assert.equal(terminal.content, "four five");
  await back.ping();
  await reader.close(back);
  reader.assertComplete();
  assert.equal(reader.frames.filter(isTerminal).length, 1);
});

Deno.test("fault 13: if the store rejects frames, no reply is lost, one warning is logged, and they are written later", async () => {
  await using begun = await halfReply();
  const { llm, folder, killed, reader, there, gate, id } = begun;
  using disk = new Disk(folder);
  await disk.has(2);
  disk.lock();
  gate.open();
  await killed.waitForLog(/Cannot save adapter sessions/);
  await there.waitFor(({ content }) => content === "three");
  disk.unlock();
  const { terminal } = await there.replyTo(id);
  await disk.has(Number(terminal.seq));
  await killed.waitForLog(/Adapter sessions are saved again/);
  assert.equal(killed.log.filter((line) => /Cannot save adapter sessions/.test(line)).length, 1);
  await killed.kill();
  await there.closed;
  await reader.close(there);

  await using gateway = await startGateway(llm, folder);
  const back = await reader.connect(gateway.url);
  await back.replyTo(back.say("next"));
  await reader.close(back);
  reader.assertComplete();
  assert.equal(reader.countEnds(id), 1);
});
