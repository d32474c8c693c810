/**
 * Abuses a gateway in each way of fault 27, one after the other. A separate process, so that its
 * own work does not slow down the measurement. `deno run abuser.ts URL`.
 */

import { AdapterClient } from "../support/adapter/client.ts";

const MiB = 1 << 20;
const url = Deno.args[0]!;

/** Closes the socket: too large, or too many. */
const endings: readonly ((adapter: AdapterClient) => void)[] = [
  (adapter) => adapter.sendText(" ".repeat(17 * MiB)),
  (adapter) => adapter.sendText(" ".repeat(63 * MiB)),
  (adapter) => {
    for (let count = 0; count < 100_000; count++) adapter.sendText('{"type":"ping"}');
  },
];

/** Answered with an error; the socket goes on. */
const unusualFrames: readonly (string | Uint8Array<ArrayBuffer>)[] = [
  `{"type":"message","metadata":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
  '{"__proto__":{"type":"message"},"type":"message","request_id":"\\ud800","user_id":7}',
  `{${Array.from({ length: 1e5 }, (_, n) => `"${n}":0`).join(",")}}`,
  new Uint8Array(MiB),
];

for (const send of endings) {
  const adapter = await AdapterClient.connect({ url });
  send(adapter);
  await adapter.closed;
}
const adapter = await AdapterClient.connect({ url });
for (const frame of unusualFrames) {
  const from = adapter.frames.length;
  adapter.sendText(frame);
  await adapter.waitFor(({ type }) => type === "error", { from });
}
await adapter.close();
