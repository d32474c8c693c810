/**
 * A program and all that it starts, ended as one. MCP servers and the commands of hooks and tasks run
 * in one each.
 */

/** What to run. */
export interface ProcessGroupOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const windows = Deno.build.os === "windows";

/**
 * Runs the command, and beside it a watch that ends the group when the gateway ($1) is gone or the
 * command is; TERM does not end it, as it may not end the command. What outlives the command is first
 * left to the gateway, which knows how long it may. Data comes by arguments, never as code.
 */
const guarded = `gateway=$1; shift
( trap "" TERM
  while kill -0 "$gateway" 2>/dev/null && kill -0 $$ 2>/dev/null; do sleep 1; done
  kill -0 "$gateway" 2>/dev/null && sleep 3
  kill -KILL -$$ ) </dev/null >/dev/null 2>&1 &
exec "$@"`;

export class ProcessGroup {
  readonly child: Deno.ChildProcess;

  /** Starts the program. @throws when it cannot be run. */
  constructor({ command, args, env, cwd }: ProcessGroupOptions) {
    const common = {
      env: { ...env },
      clearEnv: true,
      cwd,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    } as const;
    this.child = windows
      ? new Deno.Command(command, { ...common, args: [...args] }).spawn()
      : new Deno.Command("sh", {
        ...common,
        args: ["-c", guarded, "sh", String(Deno.pid), command, ...args],
        detached: true,
      }).spawn();
  }

  /** The process id, which is its group's, too. */
  get pid(): number {
    return this.child.pid;
  }

  /** Sends a signal to all of it; does nothing when it is gone. */
  kill(signal: Deno.Signal): void {
    try {
      Deno.kill(windows ? this.pid : -this.pid, signal);
    } catch {
      // All of it is gone already.
    }
  }
}
