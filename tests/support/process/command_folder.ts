/**
 * A folder in which the program's commands are run as people run them: each a process of its own, with
 * nothing of this machine's settings. From source, or the compiled program of CLARA_TEST_BINARY.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { within } from "../deadline.ts";
import { exited, processesWith } from "./processes.ts";
import { Recording } from "../load/recording.ts";
import { TempFolder } from "./temp_folder.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const binary = Deno.env.get("CLARA_TEST_BINARY");
const program = binary ? [binary] : [
  Deno.execPath(),
  ...["run", "--allow-all", "--no-prompt", "--config", join(root, "deno.json")],
  join(root, "main.ts"),
];

type Environment = Readonly<Record<string, string>>;

/** How a command ended, and what it wrote. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a command is run. */
export interface CommandOptions {
  readonly env?: Environment;
  /** Default: the folder. */
  readonly cwd?: string;
  readonly input?: string;
}

export class CommandFolder extends TempFolder {
  readonly dataDir: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly #env: Environment;

  constructor(env: Environment = {}) {
    super("clara_command_");
    this.dataDir = join(this.path, "data");
    this.pidFile = join(this.dataDir, "gateway.pid");
    this.logFile = join(this.dataDir, "gateway.log");
    const inherited = ["PATH", "DENO_DIR", "XDG_CACHE_HOME", "DENO_TLS_CA_STORE"]
      .map((name) => [name, Deno.env.get(name)] as const)
      .filter((pair): pair is [string, string] => pair[1] !== undefined);
    this.#env = {
      ...Object.fromEntries(inherited),
      // Where Deno keeps what it has loaded; settings of the user are not read from there.
      HOME: Deno.env.get("HOME") ?? this.path,
      NO_COLOR: "1",
      USER: "ada",
      CLARA_DATA_DIR: this.dataDir,
      CLARA_GATEWAY_PORT: "0",
      ...env,
    };
  }

  /** Runs a command until it ends. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const child = this.#spawn(args, options);
    const writer = child.stdin.getWriter();
    // A command that ended without reading says why by its end.
    await writer.write(new TextEncoder().encode(options.input ?? "")).catch(() => {});
    await writer.close().catch(() => {});
    const [{ code }, out, err] = await within(
      Promise.all([
        child.status,
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
      ]),
      { what: `the end of ${args.join(" ")}`, timeoutMs: 90_000 },
    );
    return { code, out, err };
  }

  /** Runs a command whose output is a pipe that nobody reads any more. */
  async runUnread(args: readonly string[]): Promise<Pick<Ended, "code" | "err">> {
    const pipe = join(this.path, "unread");
    const script = 'mkfifo "$0" && exec 3<>"$0" 4>"$0" 3>&- && rm "$0" && exec "$@" >&4';
    const child = new Deno.Command("sh", {
      args: ["-c", script, pipe, ...program, ...args],
      cwd: this.path,
      clearEnv: true,
      env: this.#env,
      stdin: "null",
      stderr: "piped",
    });
    const { code, stderr } = await child.output();
    return { code, err: new TextDecoder().decode(stderr) };
  }

  /** Starts a command that goes on until it is told to end. */
  spawn(args: readonly string[], options: CommandOptions = {}): RunningCommand {
    return new RunningCommand(this.#spawn(args, options));
  }

  /** The process that the pid file names. */
  async pid(): Promise<number> {
    return parseInt(await Deno.readTextFile(this.pidFile));
  }

  /** What is in the data folder. */
  dataFiles(): readonly string[] {
    return [...Deno.readDirSync(this.dataDir)].map(({ name }) => name).sort();
  }

  /** The processes whose command line names this folder. */
  processes(): Promise<readonly number[]> {
    return processesWith(this.path);
  }

  /** Ends what still runs there, and removes the folder. */
  override async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of await this.processes()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has ended by now.
      }
      await exited(pid);
    }
    await super[Symbol.asyncDispose]();
  }

  #spawn(args: readonly string[], { env, cwd = this.path }: CommandOptions): Deno.ChildProcess {
    return new Deno.Command(program[0]!, {
      args: [...program.slice(1), ...args],
      cwd,
      clearEnv: true,
      env: { ...this.#env, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }
}

/** A command that runs. Disposing of it kills it. */
export class RunningCommand implements AsyncDisposable {
  /** The lines that it has written so far. */
  readonly lines = new Recording<string>((line) => line);
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  readonly #status: Promise<Deno.CommandStatus>;
  #ended = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
    this.#status = child.status.then((status) => {
      this.#ended = true;
      return status;
    });
    this.#read = Promise.all([this.#readLines(child.stdout), this.#readLines(child.stderr)])
      .then(() => this.lines.end("the command has ended"));
  }

  /** The first line like this, from a position on. */
  shows(pattern: RegExp, from = 0): Promise<string> {
    return this.lines.waitFor((line) => pattern.test(line), {
      from,
      what: `a line like ${pattern}`,
      timeoutMs: 30_000,
    });
  }

  /** Sends a signal; gives how it ended, once it has. */
  async kill(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    if (!this.#ended) this.#child.kill(signal);
    const status = await within(this.#status, { what: "the end of a command", timeoutMs: 30_000 });
    await this.#read;
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGKILL");
    await this.#child.stdin.close().catch(() => {});
  }

  async #readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.lines.add(line);
    }
    if (rest) this.lines.add(rest);
  }
}
