/**
 * This checkout against another one, alternating in one run, so that the state of the machine cancels out. The other
 * one runs twice in each round: the ratio of its two runs is the spread that a difference must exceed to mean anything.
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ChildServer } from "./child_server.ts";
import { percentile, type Table } from "./figures.ts";
import { gatewayFleet } from "./fleets.ts";
import { startGateway } from "./gateway.ts";
import { gatewayAsk, measure } from "./latency.ts";

/** What one gateway process did, by the name of the figure. */
type Figures = Readonly<Record<string, number>>;

const here = fileURLToPath(new URL("../../", import.meta.url));
/** Figures of which more is better; of all others less is. */
const rates = new Set(["turns/s", "turns/s, no memory"]);

/** Options of {@linkcode compare}. */
export interface CompareOptions {
  /** The folder of the other checkout. */
  readonly base: string;
  /** Rounds; each starts every gateway anew. */
  readonly rounds: number;
  readonly seconds: number;
}

/** Measures both checkouts in alternation. */
export async function compare(
  { base, rounds, seconds }: CompareOptions,
  say: (text: string) => void,
): Promise<Table> {
  const ratios = new Map<string, { readonly change: number[]; readonly spread: number[] }>();
  const values = new Map<string, { readonly base: number[]; readonly now: number[] }>();
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    const first = await measureAll(resolve(base), seconds);
    const now = await measureAll(here, seconds);
    const second = await measureAll(resolve(base), seconds);
    for (const name of Object.keys(now)) {
      const ratio = entryOf(ratios, name, () => ({ change: [], spread: [] }));
      const value = entryOf(values, name, () => ({ base: [], now: [] }));
      const usual = (first[name]! + second[name]!) / 2;
      ratio.change.push(now[name]! / usual);
      ratio.spread.push(first[name]! / second[name]!);
      value.base.push(usual);
      value.now.push(now[name]!);
    }
  }
  const rows = [...ratios].map(([name, { change, spread }]) => {
    const { base, now } = values.get(name)!;
    const [low, middle, high] = [0, 0.5, 1].map((part) => percentile(change, part));
    const [least, most] = [0, 1].map((part) => percentile(spread, part));
    return [
      name,
      percentile(base, 0.5).toFixed(2),
      percentile(now, 0.5).toFixed(2),
      middle!.toFixed(2),
      `${low!.toFixed(2)}–${high!.toFixed(2)}`,
      `${least!.toFixed(2)}–${most!.toFixed(2)}`,
      rates.has(name) ? "more is better" : "less is better",
    ];
  });
  return {
    title: `Compared with ${base}`,
    head: ["", "other", "this", "ratio", "range", "other against itself", ""],
    rows,
    note: "Medians over the rounds; times in milliseconds.",
  };
}

function entryOf<Value>(
  map: Map<string, Value>,
  key: string,
  make: () => Value,
): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}

async function measureAll(root: string, seconds: number): Promise<Figures> {
  const throughput = async (env: Readonly<Record<string, string>>) => {
    await using gateway = await startGateway({ root, env });
    using fleet = await gatewayFleet({ url: gateway.url, adapters: 20, lanes: 5 });
    return (await fleet.run({ warmUp: 2, seconds })).turnsPerSecond;
  };
  const startedAt = performance.now();
  {
    await using _ = await startGateway({ root });
  }
  const start = performance.now() - startedAt;
  const withMemory = await throughput({});
  const withoutMemory = await throughput({ CLARA_MEMORY: "off" });
  await using model = await ChildServer.start("./sse_server.ts");
  const url = `http://127.0.0.1:${model.port}/v1`;
  const latency = async (atOnce: number, pauseMs: number, turns: number) => {
    const name = `stream-${pauseMs}`;
    const env = { OPENAI_BASE_URL: url, CLARA_MODEL: name, CLARA_MEMORY: "off" };
    await using gateway = await startGateway({ root, env });
    const makeAsk = (lane: number) => gatewayAsk(gateway.url, lane);
    const { toModel, toReader } = await measure(url, { turns, atOnce, model: name, makeAsk });
    return [percentile(toModel, 0.5), percentile(toReader, 0.5)] as const;
  };
  const [toModel, toReader] = await latency(1, 0, 300);
  const [, busy] = await latency(50, 5, 500);
  return {
    "start and stop": start,
    "turns/s": withMemory,
    "turns/s, no memory": withoutMemory,
    "message → model, one speaker": toModel,
    "delta → frame, one speaker": toReader,
    "delta → frame, 50 speakers": busy,
  };
}
