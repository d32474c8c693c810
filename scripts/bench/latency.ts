/**
 * The latency the gateway adds: from a message to the model request, and from a delta to its frame.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TempFolder } from "../../tests/support/process/temp_folder.ts";
import { ChildServer } from "./child_server.ts";
import { count, ms, percentile, type Table } from "./figures.ts";
import { startGateway } from "./gateway.ts";
import { now } from "./load.ts";
import { LoadClient } from "./load_client.ts";

interface Load {
  readonly turns: number;
  readonly atOnce: number;
  /** The model name, which tells the server how to answer. */
  readonly model: string;
}

/** The measurements of one way to reach the model. */
interface Times {
  /** From sending a message to the arrival of its request at the model. */
  readonly toModel: readonly number[];
  /** From writing a delta to its arrival. */
  readonly toReader: readonly number[];
  readonly turnsPerSecond: number;
}

/** Sends a message and reads the reply; reports the age of each delta. */
type Ask = (onDelta: (ageMs: number) => void) => Promise<void>;

/** Holds turns of one conversation. */
const turnsPerChannel = 10;
/** How many conversations run at once, and the model's pause before each delta, milliseconds. */
const loads = [{ atOnce: 1, pauseMs: 0 }, { atOnce: 1, pauseMs: 5 }, { atOnce: 50, pauseMs: 5 }];
const program = fileURLToPath(new URL("timed_gateway.ts", import.meta.url));

export async function latency(
  { turns }: { readonly turns: number },
  report: (text: string) => void,
): Promise<Table> {
  const rows: string[][] = [];
  await using model = await ChildServer.start("./sse_server.ts");
  const url = `http://127.0.0.1:${model.port}/v1`;
  for (const { atOnce, pauseMs } of loads) {
    const load = { turns, atOnce, model: `stream-${pauseMs}` };
    const what = [String(atOnce), pauseMs === 0 ? "at once" : `every ${pauseMs} ms`];
    report(`bare fetch, ${atOnce} at once, ${pauseMs} ms between deltas`);
    const bare = await measure(url, { ...load, makeAsk: () => fetchAsk(url, load.model) });
    report(`gateway, ${atOnce} at once, ${pauseMs} ms between deltas`);
    const { times, afterCommit } = await throughGateway(url, load);
    rows.push(row(["bare fetch", ...what], bare), row(["gateway", ...what], times, afterCommit));
  }
  return {
    title: "Latency",
    head: [
      "",
      "conversations",
      "deltas",
      "message → model p50",
      "p99",
      "after the commit p50",
      "p99",
      "delta → frame p50",
      "p99",
      "turns/s",
    ],
    rows,
    note:
      "The model is an HTTP server in a third process that writes 20 deltas, at once or with a pause " +
      "before each. `bare fetch` calls it without a gateway, so the difference is what the gateway " +
      "adds, including two hops on the loopback interface. With pauses and a single conversation all " +
      "processes are mostly asleep, so these figures include the time the processor takes to wake up.",
  };
}

function row(
  what: readonly string[],
  times: Times,
  afterCommit?: readonly number[],
): string[] {
  const both = (values: readonly number[]) =>
    [0.5, 0.99].map((part) => ms(percentile(values, part)));
  return [
    ...what,
    ...both(times.toModel),
    ...(afterCommit ? both(afterCommit) : ["—", "—"]),
    ...both(times.toReader),
    count(times.turnsPerSecond),
  ];
}

async function throughGateway(
  url: string,
  load: Load,
) {
  await using folder = new TempFolder("clara_bench_");
  const commitsFile = join(folder.path, "commits.json");
  await using gateway = await startGateway({
    program,
    env: {
      OPENAI_BASE_URL: url,
      CLARA_MODEL: load.model,
      // The memory would query the model after each turn.
      CLARA_MEMORY: "off",
      CLARA_BENCH_TIMES: commitsFile,
    },
  });
  const makeAsk = (lane: number) => gatewayAsk(gateway.url, lane);
  const arrivals = new Map<number, number>();
  const times = await measure(url, { ...load, makeAsk, arrivals });
  await gateway.kill("SIGTERM");
  const commits: Record<string, number> = JSON.parse(Deno.readTextFileSync(commitsFile));
  const afterCommit = [...arrivals].map(([sentAt, at]) => at - commits[String(sentAt)]!)
    .filter((value) => !Number.isNaN(value));
  return { times, afterCommit };
}

export async function measure(
  url: string,
  { turns, atOnce, makeAsk, arrivals = new Map() }: Load & {
    readonly makeAsk: (lane: number) => Promise<Ask>;
    /** Filled with the time from sending a message to the arrival of its request. */
    readonly arrivals?: Map<number, number>;
  },
): Promise<Times> {
  const asks = await Promise.all(Array.from({ length: atOnce }, (_, lane) => makeAsk(lane)));
  const toReader: number[] = [];
  const round = (count: number) =>
    Promise.all(asks.map(async (ask) => {
      for (let turn = 0; turn < count; turn++) await ask((ageMs) => toReader.push(ageMs));
    }));
  await round(Math.ceil(turns / atOnce / 5));
  await (await fetch(`${url}/arrivals`)).body?.cancel();
  toReader.length = 0;
  const startedAt = now();
  const perLane = Math.ceil(turns / atOnce);
  await round(perLane);
  const turnsPerSecond = perLane * atOnce / (now() - startedAt) * 1000;
  const told: { sentAt: number; arrivedAt: number }[] = await (await fetch(`${url}/arrivals`))
    .json();
  for (const { sentAt, arrivedAt } of told) arrivals.set(sentAt, arrivedAt);
  const toModel = told.map(({ sentAt, arrivedAt }) => arrivedAt - sentAt);
  return { toModel, toReader, turnsPerSecond };
}

function fetchAsk(url: string, model: string): Promise<Ask> {
  return Promise.resolve(async (onDelta) => {
    const body = JSON.stringify({
      model,
      stream: true,
      messages: [{ role: "user", content: String(now()) }],
    });
    const response = await fetch(`${url}/chat/completions`, { method: "POST", body });
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      for (const [, time] of text.matchAll(/"content":"([\d.]+) "/g)) onDelta(now() - Number(time));
    }
  });
}

/** An adapter with one message in flight at a time. */
export async function gatewayAsk(url: string, lane: number): Promise<Ask> {
  const client = await LoadClient.connect(url, `latency-${lane}`);
  let turn = 0;
  return (onDelta) => {
    // A new conversation now and then, so that requests do not grow much.
    const channelId = `channel-${lane}-${Math.floor(turn++ / turnsPerChannel)}`;
    return client.say(channelId, String(now()), (text, at) => onDelta(at - Number(text)));
  };
}
