/**
 * Program that accepts messages until it is killed and prints the sequence number of each accepted one.
 * `store_test.ts` runs it with a data folder and a sync mode.
 */

import type { SyncMode } from "../../../src/config/gateway_config.ts";
import { SqliteStore } from "../../../src/store/sqlite/store.ts";
import { accepted, request } from "../conformance/samples.ts";

const store = SqliteStore.open(Deno.args[0]!, { sync: Deno.args[1] as SyncMode });
const encoder = new TextEncoder();
// Concurrently, so that writes share commits.
await Promise.all(
  Array.from({ length: 8 }, async (_, writer) => {
    for (let count = 0;; count++) {
      const id = `${writer}-${count}`;
      const seq = await accepted(store, request(id, { channelKey: `channel-${writer}` }));
      Deno.stdout.writeSync(encoder.encode(`${seq} ${id}\n`));
    }
  }),
);
