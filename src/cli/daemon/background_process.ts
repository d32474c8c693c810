/**
 * A gateway in the background: a process of its own session, without a terminal, that outlives who
 * started it. What it writes past its log goes into the log's file, too. Started by `start`.
 */

import { pause } from "../../lib/wait.ts";
import { selfCommand } from "./self_command.ts";

/** How a {@linkcode BackgroundProcess} is started. */
export interface BackgroundOptions {
  readonly args: readonly string[];
  /** The folder from which this program itself was started. */
  readonly cwd: string;
  /** It must be there. */
  readonly logFile: string;
}

/** Puts the output into the file: the last words of a crash are no lines of the log's own. */
const script = `log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null`;

/** How long one that is given up may take to end in order, milliseconds. */
const endMs = 2_000;

export class BackgroundProcess {
  readonly #child: Deno.ChildProcess;
  #status?: Deno.CommandStatus;
  readonly #ended: Promise<void>;

  constructor({ args, cwd, logFile }: BackgroundOptions) {
    const words = [...selfCommand(), ...args];
    const [program = "", ...rest] = Deno.build.os === "windows"
      ? words
      : ["sh", "-c", script, "sh", logFile, ...words];
    this.#child = new Deno.Command(program, {
      args: rest,
      cwd,
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#ended = this.#child.status.then((status) => void (this.#status = status));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended, once it has. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  /** Lets it live on without this process. */
  release(): void {
    this.#child.unref();
  }

  /** Ends it, and all of its group that is still there. */
  async end(): Promise<void> {
    this.#kill("SIGTERM");
    const late = new AbortController();
    await Promise.race([this.#ended, pause(endMs, late.signal)]);
    late.abort();
    this.#kill("SIGKILL");
    await this.#ended;
  }

  #kill(signal: Deno.Signal): void {
    if (this.#status) return;
    for (const pid of Deno.build.os === "windows" ? [this.pid] : [-this.pid, this.pid]) {
      try {
        Deno.kill(pid, signal);
        return;
      } catch {
        // It has ended, or leads no group.
      }
    }
  }
}
