/**
 * A gateway in its own process, from source, on a free port. Tests start it, kill it and start it
 * again on the same data folder.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "../deadline.ts";
import { AwaitableList } from "../awaitable_list.ts";
import { TempFolder } from "./temp_folder.ts";

const checkout = fileURLToPath(new URL("../../../", import.meta.url));

/** Options of a {@linkcode GatewayProcess}. */
export interface GatewayProcessOptions {
  /**
   * Environment variables in addition to what Deno needs and these defaults: CLARA_LOG_FORMAT=json,
   * CLARA_MEMORY=off.
   */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: `data` in a temporary folder, removed on disposal. */
  readonly dataDir?: string;
  /** The file to run. Default: main.ts. */
  readonly program?: string;
  /** The checkout to run. Default: this one. */
  readonly root?: string;
  /** More arguments after `run`. */
  readonly args?: readonly string[];
  /** Default: the temporary folder. */
  readonly cwd?: string;
}

/** What Deno itself needs. */
const inherited = [
  "PATH",
  "HOME",
  "TMPDIR",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_TLS_CA_STORE",
];

/** Defaults. A memory would query the model after each turn. */
const quiet = {
  NO_COLOR: "1",
  CLARA_LOG_FORMAT: "json",
  // Tests send messages faster than people.
  CLARA_MAX_USER_MESSAGES_PER_MINUTE: "1000000",
  CLARA_MEMORY: "off",
};

/** Matches the log line with the address. */
const addressPattern = /"address":"([^"]+)"/;

/** A running gateway. Disposing kills it. */
export class GatewayProcess implements AsyncDisposable {
  /** Resolves when the process has exited. */
  readonly exited: Promise<Deno.CommandStatus>;
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #folder: TempFolder;
  readonly #log = new AwaitableList<string>((line) => line);
  readonly #output: Promise<void>;
  #address = "";
  #ended = false;

  /** Starts a gateway; resolves when it listens, rejects with its log if it exits first. */
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

  /** Starts a gateway without waiting until it listens. */
  static spawn(options: GatewayProcessOptions = {}): GatewayProcess {
    return new GatewayProcess(options);
  }

  private constructor(options: GatewayProcessOptions) {
    const { env = {}, dataDir, program, args = [], cwd, root = checkout } = options;
    this.#folder = new TempFolder("clara_gateway_");
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

  /** Resolves when it listens; rejects if it exits first. */
  async listens(): Promise<void> {
    const line = await this.waitForLog(addressPattern, { timeoutMs: 60_000 });
    this.#address = addressPattern.exec(line)![1]!;
  }

  /** Where adapters connect, as ws://host:port. */
  get url(): string {
    return `ws://${this.#address}`;
  }

  /** As http://host:port. */
  get httpUrl(): string {
    return `http://${this.#address}`;
  }

  /** The lines of its output so far. */
  get log(): readonly string[] {
    return this.#log.items;
  }

  /** Resolves to the first log line that matches, past or future. */
  waitForLog(
    pattern: RegExp,
    options: { readonly timeoutMs?: number; readonly from?: number } = {},
  ): Promise<string> {
    const what = `a log line like ${pattern}`;
    return this.#log.waitFor((line) => line.search(pattern) >= 0, { ...options, what });
  }

  /** The response of GET /health. */
  async health(): Promise<Readonly<Record<string, unknown>>> {
    const response = await fetch(`${this.httpUrl}/health`);
    return await response.json();
  }

  /** Sends a signal (default: SIGKILL) and resolves when the process has exited. */
  kill(signal: Deno.Signal = "SIGKILL"): Promise<Deno.CommandStatus> {
    if (!this.#ended) this.#child.kill(signal);
    return this.exited;
  }

  /** Kills it if it runs, and removes its temporary folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    // SIGKILL also ends a process stopped by SIGSTOP.
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

/** Starts a gateway on a data folder that uses this model. */
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
