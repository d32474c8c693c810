/** A gateway in the background: it has its own session and no terminal, and outlives its parent. */

import { fileURLToPath } from "node:url";
import { pause } from "../../lib/wait.ts";

/** Options of a {@linkcode BackgroundProcess}. */
export interface BackgroundOptions {
  /** The arguments of this program. */
  readonly args: readonly string[];
  /** The folder in which this program was started. */
  readonly cwd: string;
  /** An existing file, to which the output is appended. */
  readonly logFile: string;
}

/** Appends the output to the log, because the last words of a crash do not go through the logger. */
const script = `log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null`;

/** How long a process may take to stop before it is killed, milliseconds. */
const killAfterMs = 2_000;

const windows = Deno.build.os === "windows";

export class BackgroundProcess {
  readonly #child: Deno.ChildProcess;
  #status?: Deno.CommandStatus;
  readonly #ended: Promise<void>;

  constructor({ args, cwd, logFile }: BackgroundOptions) {
    const words = [...selfCommand(), ...args];
    const [program = "", ...rest] = windows ? words : ["sh", "-c", script, "sh", logFile, ...words];
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

  /** How it ended; undefined while it is running. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  /** Lets this process end while the other one goes on. */
  release(): void {
    this.#child.unref();
  }

  /** Stops the process and its process group. */
  async stop(): Promise<void> {
    this.#kill("SIGTERM");
    const late = new AbortController();
    await Promise.race([this.#ended, pause(killAfterMs, late.signal)]);
    late.abort();
    this.#kill("SIGKILL");
    await this.#ended;
  }

  #kill(signal: Deno.Signal): void {
    if (this.#status) return;
    for (const pid of windows ? [this.pid] : [-this.pid, this.pid]) {
      try {
        Deno.kill(pid, signal);
        return;
      } catch {
        // It has ended, or does not lead a group.
      }
    }
  }
}

/** The words that start this program again: the compiled program, or Deno with the module. */
function selfCommand(): readonly string[] {
  const program = Deno.execPath();
  if (Deno.build.standalone) return [program];
  return [program, ...(ownDenoArguments() ?? assumedDenoArguments()), Deno.mainModule];
}

/** What was between `deno` and the module, such as permissions. Only Linux knows. */
function ownDenoArguments(): readonly string[] | undefined {
  try {
    const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
    const own = words.slice(words.length - Deno.args.length);
    if (own.some((word, index) => word !== Deno.args[index])) return undefined;
    // The first word is Deno; the last is the module, relative to where this process was started.
    return words.slice(1, words.length - Deno.args.length - 1);
  } catch {
    return undefined;
  }
}

const permissions = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;

/** The permissions that this process has without restriction, and the `deno.json` next to the module. */
function assumedDenoArguments(): readonly string[] {
  const granted = permissions.filter((name) =>
    Deno.permissions.querySync({ name } as Deno.PermissionDescriptor).state === "granted"
  );
  const allowed = granted.length === permissions.length
    ? ["--allow-all"]
    : granted.map((name) => `--allow-${name}`);
  const config = fileURLToPath(new URL("deno.json", Deno.mainModule));
  return ["run", "--no-prompt", ...allowed, "--config", config];
}
