/** Whether turns get slower as history, queues, channels and sessions grow. */

import { join } from "node:path";
import { SqliteStore } from "../../src/store/sqlite/store.ts";
import { TempFolder } from "../../tests/support/process/temp_folder.ts";
import { count, ms, percentile, type Table } from "./figures.ts";
import { startGateway } from "./gateway.ts";
import { message } from "./load.ts";
import { fillHistory } from "./fill_history.ts";
import { LoadClient } from "./load_client.ts";

/** What exists before the turns are measured. */
interface Scenario {
  readonly name: string;
  readonly sizes: readonly number[];
  /** Creates this much in the store of a stopped gateway. */
  readonly fill?: (store: SqliteStore, size: number) => Promise<void>;
  /** Creates this much while the gateway runs; the result is disposed of afterwards. */
  readonly queue?: (url: string, size: number) => Promise<Disposable>;
}

const measuredChannel = "measured";

const scenarios: readonly Scenario[] = [
  {
    name: "lines of history in the channel",
    sizes: [0, 100, 1_000, 10_000, 100_000],
    fill: (store, size) => fillHistory(store, { channels: [measuredChannel], lines: size }),
  },
  {
    name: "channels, each with a session and a turn",
    sizes: [1, 1_000, 10_000, 100_000],
    fill: (store, size) =>
      fillHistory(store, {
        channels: Array.from({ length: size }, (_, number) => `other-${number}`),
        lines: 2,
      }),
  },
  {
    name: "ended sessions of the channel",
    sizes: [0, 1_000, 10_000],
    fill: (store, size) =>
      fillHistory(store, { channels: [measuredChannel], lines: 2, sessions: size }),
  },
  {
    name: "messages queued in another channel",
    sizes: [0, 1_000, 10_000],
    queue: async (url, size) => {
      const client = await LoadClient.connect(url, "queue");
      await client.fillQueue("busy", size);
      return client;
    },
  },
];

export async function growth(
  { turns, limit }: { readonly turns: number; readonly limit: number },
  report: (text: string) => void,
): Promise<Table> {
  const rows: string[][] = [];
  for (const { name, sizes, fill, queue } of scenarios) {
    for (const size of sizes.filter((size) => size <= limit)) {
      report(`${size} ${name}`);
      await using folder = new TempFolder("clara_bench_");
      const dataDir = join(folder.path, "data");
      if (fill) {
        await using store = SqliteStore.open(dataDir, { sync: "normal" });
        await fill(store, size);
      }
      await using gateway = await startGateway({
        dataDir,
        env: { CLARA_MAX_QUEUED_PER_CHANNEL: "1000000" },
      });
      using _queued = await queue?.(gateway.url, size);
      using client = await LoadClient.connect(gateway.url, "measured");
      const times = await client.turns(measuredChannel, turns, message);
      rows.push([name, count(size), ms(percentile(times, 0.5)), ms(percentile(times, 0.99))]);
    }
  }
  return {
    title: "Cost of a turn as data grows",
    head: ["", "count", "turn p50", "turn p99"],
    rows,
    note:
      "One message at a time on the echo model, from sending it to its terminal frame, with 20 chunks.",
  };
}
