/**
 * A real gateway in a process of its own, from the source, on a free port. Fault and end-to-end
 * tests start it, kill it, and start it again on the same data folder.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "../deadline.ts";
import { Recording } from "../load/recording.ts";
import { TempFolder } from "./temp_folder.ts";

/** How a gateway is started. */
export interface GatewayProcessOptions {
  /** All of its environment beside what Deno itself needs; CLARA_LOG_FORMAT is json and CLARA_MEMORY off by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: `data` in the gateway's own temporary folder, which goes with it. */
  readonly dataDir?: string;
  /** The file that is run. Default: main.ts. */
  readonly program?: string;
  /** More arguments after `run`. */
  readonly args?: readonly string[];
  /** Default: the gateway's own temporary folder. */
  readonly cwd?: string;
}

/** What Deno itself needs to run. */
const inherited = [
  "PATH",
  "HOME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_TLS_CA_STORE",
];

/** What a test gets that says nothing else. The memory would ask the model after each turn. */
const quiet = {
  NO_COLOR: "1",
  CLARA_LOG_FORMAT: "json",
  // Tests speak faster than people.
  CLARA_MAX_USER_MESSAGES_PER_MINUTE: "1000000",
  CLARA_MEMORY: "off",
};

/** The log line that says where it listens, whatever else that line has. */
const addressPattern = /"address":"([^"]+)"/;

/** A running gateway. Disposing of it kills it. */
export class GatewayProcess implements AsyncDisposable {
  /** How it ended, once it has. */
  readonly exited: Promise<Deno.CommandStatus>;
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #folder: TempFolder;
  readonly #log = new Recording<string>((line) => line);
  readonly #output: Promise<void>;
  #address = "";
  #ended = false;

  /** Starts a gateway; resolves when it listens, rejects with its log when it ends before. */
  static async start(options: GatewayProcessOptions = {}): Promise<GatewayProcess> {
    const gateway = GatewayProcess.spawn(options);
    try {
      await gateway.listens();
      return gateway;
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      const log = gateway.log.join("\n");
      throw new Error(`The gateway did not start; it said:\n${log || "(nothing)"}`, {
        cause: error,
      });
    }
  }

  /** Starts a gateway and does not wait; whoever kills it as it starts wants it so. */
  static spawn(options: GatewayProcessOptions = {}): GatewayProcess {
    return new GatewayProcess(options);
  }

  private constructor({ env = {}, dataDir, program, args = [], cwd }: GatewayProcessOptions) {
    this.#folder = new TempFolder("clara_gateway_");
    const root = fileURLToPath(new URL("../../../", import.meta.url));
    const run = ["run", "--allow-all", "--no-prompt", "--config", join(root, "deno.json")];
    const data = dataDir ?? join(this.#folder.path, "data");
    const serve = ["run", "--port", "0", "--host", "127.0.0.1", "--data-dir", data];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...run, program ?? join(root, "main.ts"), ...serve, ...args],
      cwd: cwd ?? this.#folder.path,
      clearEnv: true,
      env: { ...ownEnvironment(), ...quiet, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    this.#output = this.#read();
    this.exited = this.#child.status.then(async (status) => {
      this.#ended = true;
      await this.#output;
      this.#log.end(`the gateway ended with ${status.signal ?? `code ${status.code}`}`);
      return status;
    });
  }

  /** Resolves when it listens, rejects when it ends before. */
  async listens(): Promise<void> {
    const line = await this.waitForLog(addressPattern, { timeoutMs: 60_000 });
    this.#address = addressPattern.exec(line)![1]!;
  }

  /** Where adapters connect: ws://host:port. */
  get url(): string {
    return `ws://${this.#address}`;
  }

  /** http://host:port. */
  get httpUrl(): string {
    return `http://${this.#address}`;
  }

  /** The lines of its log so far (what it wrote to stdout too). */
  get log(): readonly string[] {
    return this.#log.items;
  }

  /** The first line that matches, here already or still to come. */
  waitForLog(
    pattern: RegExp,
    options: { readonly timeoutMs?: number; readonly from?: number } = {},
  ): Promise<string> {
    const what = `a log line like ${pattern}`;
    return this.#log.waitFor((line) => line.search(pattern) >= 0, { ...options, what });
  }

  /** The answer of GET /health. */
  async health(): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.httpUrl}/health`);
    return await response.json();
  }

  /** Sends a signal, SIGKILL by default; gives how the process ended, once it has. */
  kill(signal: Deno.Signal = "SIGKILL"): Promise<Deno.CommandStatus> {
    if (!this.#ended) this.#child.kill(signal);
    return this.exited;
  }

  /** Kills it where it still runs, and removes the folder that was made for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A gateway that was stopped with SIGSTOP dies of SIGKILL as well.
    await within(this.kill("SIGKILL"), { what: "the end of a killed gateway" });
    await this.#folder[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    const { stdout, stderr } = this.#child;
    await Promise.all([stdout, stderr].map(async (stream) => {
      for await (const line of linesOf(stream)) this.#log.add(line);
    }));
  }
}

function ownEnvironment(): Record<string, string> {
  const values = inherited.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(values.filter((pair): pair is [string, string] => !!pair[1]));
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest) yield rest;
}

/** Starts a gateway that asks this model, and keeps its data in this folder. */
export function startGateway(
  llm: { readonly url: string },
  folder: { readonly path: string },
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  return GatewayProcess.start({
    dataDir: folder.path,
    env: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: llm.url, ...env },
  });
}
