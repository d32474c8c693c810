/** The limit on the total size of queued messages, which also holds after a kill. */

import assert from "node:assert/strict";
import { AdapterClient } from "../support/adapter/client.ts";
import { lastText } from "../support/llm/chat_request.ts";
import { Gate } from "../support/gate.ts";
import { type GatewayProcess, startGateway } from "../support/process/gateway_process.ts";
import { LlmServer } from "../support/llm/server.ts";
import type { ReceivedFrame } from "../support/adapter/received_frame.ts";
import { TempFolder } from "../support/process/temp_folder.ts";

const MiB = 1 << 20;

/** Half a MiB that is not shown to the model. */
const attachments = [
  { type: "file", filename: "a.bin", base64_data: "A".repeat(MiB / 2), media_type: "x/y" },
];

function start(llm: LlmServer, folder: TempFolder): Promise<GatewayProcess> {
  return startGateway(llm, folder, {
    CLARA_MAX_QUEUED_BYTES: `${4 * MiB}`,
    CLARA_MAX_CONCURRENT_TURNS: "1",
  });
}

async function queuedBytes(gateway: GatewayProcess): Promise<number> {
  const { queue } = await gateway.health() as { readonly queue: { readonly bytes: number } };
  return queue.bytes;
}

/** The gateway's first answer to a message, from frame `from` on. */
function answerTo(adapter: AdapterClient, id: string, from = 0): Promise<ReceivedFrame> {
  return adapter.waitFor(({ request_id }) => request_id === id, { from });
}

/** A large message in its own channel. */
function large(adapter: AdapterClient, requestId: string): Promise<ReceivedFrame> {
  const from = adapter.frames.length;
  adapter.say(requestId, { requestId, channelId: requestId, attachments });
  return answerTo(adapter, requestId, from);
}

Deno.test("fault 10: past the byte limit large messages are refused, also after a kill, and others have room", async () => {
  await using llm = await LlmServer.start();
  await using folder = new TempFolder();
  const gate = new Gate();
  llm.when(() => true, (request) => ({
    text: lastText(request).split("\n")[0],
    gate: gate.opened,
  }));
  await using killed = await start(llm, folder);
  const nodeId = "greedy";
  const before = await AdapterClient.connect({ url: killed.url, nodeId });
  const small = before.say("small", { requestId: "small" });
  await llm.request(0);

  // It may use as much as it leaves to others: less than 2 MiB of the 4.
  const accepted: string[] = [];
  for (let index = 0; index < 6; index++) {
    const answer = await large(before, `large ${index}`);
    if (index < 3) accepted.push(answer.request_id!);
    if (index < 3) assert.equal(answer.state, "queued", `large ${index}`);
    else {
      assert.equal(answer.code, "queue_full");
      assert.equal(answer.recoverable, true);
      assert.deepEqual(answer.details, { reason: "bytes" });
    }
  }
  const held = await queuedBytes(killed);
  assert.ok(held > 1.5 * MiB && held < 1.6 * MiB, `${held} bytes`);
  // A known message is answered as always.
  const from = before.frames.length;
  before.resend("large 0", { requestId: "large 0", channelId: "large 0", attachments });
  assert.equal((await answerTo(before, "large 0", from)).state, "duplicate");
  assert.equal(await queuedBytes(killed), held);
  await killed.kill();
  await before.close();

  await using gateway = await start(llm, folder);
  await using after = await AdapterClient.connect({ url: gateway.url, nodeId });
  assert.equal(await queuedBytes(gateway), held);
  assert.deepEqual((await large(after, "large 6")).details, { reason: "bytes" });
  await using other = await AdapterClient.connect({ url: gateway.url, nodeId: "other" });
  assert.equal((await large(other, "of another")).state, "queued");
  gate.open();
  for (const id of [small, ...accepted]) {
    assert.equal((await after.replyTo(id)).terminal.content, id);
  }
  assert.equal((await other.replyTo("of another")).terminal.content, "of another");
  // A turn ends shortly after its adapter has received the reply.
  while (await queuedBytes(gateway) > 0);
  const last = after.frames.length;
  await large(after, "large 3");
  assert.equal((await after.replyTo("large 3", { from: last })).terminal.content, "large 3");
});
