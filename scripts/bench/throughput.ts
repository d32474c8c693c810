/**
 * Turns and frames per second with the echo model, compared with what Deno's WebSockets can do at
 * best.
 */

import { ChildServer } from "./child_server.ts";
import { count, ms, percent, percentile, type Table } from "./figures.ts";
import type { Fleet, FleetResult, FleetTimes } from "./fleet.ts";
import { startGateway } from "./gateway.ts";
import { burstFleet, echoFleet, gatewayFleet } from "./fleets.ts";

/** Adapters, and the channels of each with a message in flight. */
const sizes = [
  { adapters: 1, lanes: 100 },
  { adapters: 20, lanes: 5 },
  { adapters: 200, lanes: 1 },
] as const;

/** With both sync settings of the store, and without memory, which learns from each turn. */
const gateways = [
  ["gateway, sync full", { CLARA_STORE_SYNC: "full" }],
  ["gateway, sync normal", { CLARA_STORE_SYNC: "normal" }],
  ["gateway, sync full, no memory", { CLARA_STORE_SYNC: "full", CLARA_MEMORY: "off" }],
] as const;

interface Measured extends FleetResult {
  readonly what: string;
  readonly adapters: number;
}

export async function throughput(
  times: FleetTimes,
  report: (text: string) => void,
): Promise<Table> {
  const rows: string[][] = [];
  for (const size of sizes) {
    const measured: Measured[] = [];
    const measure = async (what: string, open: () => Promise<Fleet>) => {
      report(`${what}, ${size.adapters} adapters`);
      using fleet = await open();
      measured.push({ what, adapters: size.adapters, ...await fleet.run(times) });
    };
    {
      await using raw = await ChildServer.start("./raw_server.ts");
      const url = `ws://127.0.0.1:${raw.port}`;
      await measure("raw echo", () => echoFleet({ ...size, url }));
      await measure("raw burst", () => burstFleet({ ...size, lanes: 1, url }));
    }
    for (const [what, env] of gateways) {
      await using gateway = await startGateway({ env });
      await measure(what, () => gatewayFleet({ ...size, url: gateway.url }));
    }
    const [echo, burst] = measured;
    rows.push(...measured.map((result) => rowOf(result, echo!, burst!)));
  }
  return {
    title: "Throughput",
    head: [
      "",
      "adapters",
      "turns/s",
      "frames/s",
      "of raw echo",
      "of raw burst",
      "turn p50",
      "turn p99",
    ],
    rows,
    note:
      "100 messages are in flight at once (200 with 200 adapters); a reply is 20 chunks in 23 frames. " +
      "`raw echo` is a bare Deno WebSocket server that echoes each frame; `raw burst` answers each " +
      "with 23 prepared frames.",
  };
}

function rowOf(result: Measured, echo: Measured, burst: Measured): string[] {
  const { what, adapters, turnsPerSecond, framesPerSecond, latencies } = result;
  return [
    what,
    String(adapters),
    what === "raw echo" ? "—" : count(turnsPerSecond),
    count(framesPerSecond),
    percent(framesPerSecond, echo.framesPerSecond),
    percent(framesPerSecond, burst.framesPerSecond),
    ms(percentile(latencies, 0.5)),
    ms(percentile(latencies, 0.99)),
  ];
}
