/**
 * How fast the gateway starts (from process start to `registered` on a WebSocket) and how much
 * memory it uses when idle: from source, and as the compiled program if there is one.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AdapterClient } from "../../tests/support/adapter/client.ts";
import { TempFolder } from "../../tests/support/process/temp_folder.ts";
import { residentMb } from "../../tests/support/process/processes.ts";
import { ms, percentile, type Table } from "./figures.ts";

/** How long the process idles before its memory is read, milliseconds. */
const idleMs = 2_000;

const root = fileURLToPath(new URL("../../", import.meta.url));
/** Where `deno task compile` puts it. */
const defaultProgram = join(root, "dist", "clara-gateway");
const source = [
  Deno.execPath(),
  ...["run", "--quiet", "--allow-all", "--config", join(root, "deno.json"), join(root, "main.ts")],
];

interface Start {
  readonly listeningMs: number;
  readonly registeredMs: number;
  /** Resident memory, MiB; measured in the last run only. */
  readonly idleMb?: number;
}

export async function startUp(
  { runs, program = defaultProgram }: { readonly runs: number; readonly program?: string },
  report: (text: string) => void,
): Promise<Table> {
  const size = await Deno.stat(program).then(({ size }) => size, () => undefined);
  const rows: string[][] = [];
  if (size !== undefined) {
    report("start-up of the compiled program");
    rows.push(await row(`compiled (${(size / 1e6).toFixed(1)} MB)`, [program], runs));
  }
  report("start-up from the source");
  rows.push(await row("deno run", source, runs));
  return {
    title: "Start-up",
    head: ["", "listening", "registered", "idle memory"],
    rows,
    note: `Medians of ${runs} starts on an empty folder, measured from process start.`,
  };
}

async function row(name: string, command: readonly string[], runs: number): Promise<string[]> {
  // The first start fills the system's caches and Deno's code cache.
  await start(command, false);
  const starts: Start[] = [];
  for (let run = 0; run < runs; run++) starts.push(await start(command, run === runs - 1));
  return [
    name,
    ms(percentile(starts.map(({ listeningMs }) => listeningMs), 0.5)),
    ms(percentile(starts.map(({ registeredMs }) => registeredMs), 0.5)),
    `${starts.at(-1)!.idleMb!.toFixed(0)} MB`,
  ];
}

/** Starts a gateway on a new folder, registers, and stops it. */
async function start(command: readonly string[], measureMemory: boolean): Promise<Start> {
  await using folder = new TempFolder("clara_start_");
  const startedAt = performance.now();
  const child = new Deno.Command(command[0]!, {
    args: [...command.slice(1), "run", "--port", "0", "--data-dir", join(folder.path, "data")],
    cwd: folder.path,
    env: { CLARA_LOG_FORMAT: "json" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  try {
    const address = await addressOf(child.stderr);
    const listeningMs = performance.now() - startedAt;
    await using _adapter = await AdapterClient.connect({ url: `ws://${address}` });
    const registeredMs = performance.now() - startedAt;
    if (!measureMemory) return { listeningMs, registeredMs };
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    return { listeningMs, registeredMs, idleMb: await residentMb(child.pid) };
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

/** Reads the log until it contains the address, and discards the rest. */
async function addressOf(log: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const [head, rest] = log.tee();
  rest.pipeTo(new WritableStream());
  let text = "";
  for await (const part of head.pipeThrough(new TextDecoderStream())) {
    text += part;
    const address = /"address":"([^"]+)"/.exec(text)?.[1];
    if (address) return address;
  }
  throw new Error(`The program ended before it listened:\n${text}`);
}
