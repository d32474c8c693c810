/**
 * How big the compiled program is, how quickly it starts (from the start of the process to `registered`
 * on a WebSocket) and how much memory it takes while nothing happens; the same from the source beside
 * it. `deno task startup [program]` runs it; the program is `dist/clara-gateway` where none is named.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AdapterClient } from "../tests/support/adapter_client.ts";
import { TempFolder } from "../tests/support/temp_folder.ts";

const runs = 10;
/** How long the process is left alone before its memory is read, milliseconds. */
const idleMs = 2_000;

const root = fileURLToPath(new URL("../", import.meta.url));
const program = Deno.args[0] ?? join(root, "dist", "clara-gateway");
const source = ["run", "--quiet", "--allow-all", "--config", "deno.json", "main.ts"]
  .map((word) => word.includes(".") ? join(root, word) : word);

interface Start {
  readonly listeningMs: number;
  readonly registeredMs: number;
  /** Resident memory, MiB; measured in the last run only. */
  readonly rssMb?: number;
}

/** Starts a gateway on a folder of its own, registers, and ends it. */
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
    return { listeningMs, registeredMs, rssMb: await residentMb(child.pid) };
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

/** Reads the log until it says the address; the rest of it is read away. */
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

/** What `ps` says: Linux and macOS have it. */
async function residentMb(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] })
    .output();
  return Number(new TextDecoder().decode(stdout)) / 1024;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

async function report(name: string, command: readonly string[]): Promise<void> {
  // The first start fills caches: the system's, and Deno's of compiled code.
  await start(command, false);
  const starts: Start[] = [];
  for (let run = 0; run < runs; run++) starts.push(await start(command, run === runs - 1));
  const column = (values: readonly number[]) => median(values).toFixed(0).padStart(6);
  console.log(
    `${name.padEnd(20)} listening ${column(starts.map(({ listeningMs }) => listeningMs))} ms   ` +
      `registered ${column(starts.map(({ registeredMs }) => registeredMs))} ms   ` +
      `idle ${starts.at(-1)!.rssMb!.toFixed(0).padStart(4)} MB`,
  );
}

const { size } = await Deno.stat(program);
console.log(`${program}: ${(size / 1e6).toFixed(1)} MB`);
await report("compiled", [program]);
await report("deno run", [Deno.execPath(), ...source]);
