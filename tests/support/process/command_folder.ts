/**
 * A folder for running the program's commands as separate processes, without any settings of this
 * machine.
 */

import { join } from "node:path";
import { within } from "../deadline.ts";
import { exited, processesWith } from "./processes.ts";
import { AwaitableList } from "../awaitable_list.ts";
import { type CommandResult, program } from "./command_process.ts";
import { TempFolder } from "./temp_folder.ts";

type Environment = Readonly<Record<string, string>>;

/** Options of a command. */
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
      // Deno's cache is there; no user settings are read from it.
      HOME: Deno.env.get("HOME") ?? this.path,
      NO_COLOR: "1",
      USER: "ada",
      CLARA_DATA_DIR: this.dataDir,
      CLARA_GATEWAY_PORT: "0",
      ...env,
    };
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const child = this.#spawn(args, options);
    const writer = child.stdin.getWriter();
    // A command may exit without reading its input.
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

  /** Runs a command whose output pipe has no reader. */
  async runUnread(args: readonly string[]): Promise<Pick<CommandResult, "code" | "err">> {
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

  /** Starts a command that runs until it is signalled. */
  spawn(args: readonly string[], options: CommandOptions = {}): RunningCommand {
    return new RunningCommand(this.#spawn(args, options));
  }

  /** The process id in the pid file. */
  async pid(): Promise<number> {
    return parseInt(await Deno.readTextFile(this.pidFile));
  }

  /** The files in the data folder. */
  dataFiles(): readonly string[] {
    return [...Deno.readDirSync(this.dataDir)].map(({ name }) => name).sort();
  }

  /** The processes whose command line names this folder. */
  processes(): Promise<readonly number[]> {
    return processesWith(this.path);
  }

  /** Kills remaining processes and removes the folder. */
  override async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of await this.processes()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch {
        // It has exited.
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

/** A running command. Disposing kills it. */
export class RunningCommand implements AsyncDisposable {
  /** The lines it has written so far. */
  readonly lines = new AwaitableList<string>((line) => line);
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

  /** Resolves to the first line that matches, from index `from` on. */
  waitForLine(pattern: RegExp, from = 0): Promise<string> {
    return this.lines.waitFor((line) => pattern.test(line), {
      from,
      what: `a line like ${pattern}`,
      timeoutMs: 30_000,
    });
  }

  /** Sends a signal and resolves when the command has exited. */
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
