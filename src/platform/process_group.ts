/** A program and all processes it starts, killed together. Runs MCP servers, hooks and tasks. */

/** What to run. */
export interface ProcessGroupOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const windows = Deno.build.os === "windows";

/**
 * Runs the command next to a watcher that kills the group once the gateway ($1) or the command has
 * ended. The watcher ignores TERM, because the command may. Processes that outlive the command are first
 * left to the gateway, which knows their time limit. All data is passed as arguments, never as code.
 */
const guardedScript = `gateway=$1; shift
( trap "" TERM
  while kill -0 "$gateway" 2>/dev/null && kill -0 $$ 2>/dev/null; do sleep 1; done
  kill -0 "$gateway" 2>/dev/null && sleep 3
  kill -KILL -$$ ) </dev/null >/dev/null 2>&1 &
exec "$@"`;

export class ProcessGroup {
  readonly child: Deno.ChildProcess;

  /** Starts the program. @throws if it cannot be run. */
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
        args: ["-c", guardedScript, "sh", String(Deno.pid), command, ...args],
        detached: true,
      }).spawn();
  }

  /** The id of the process and of its group. */
  get pid(): number {
    return this.child.pid;
  }

  /** Sends a signal to the whole group, if it is still running. */
  kill(signal: Deno.Signal): void {
    try {
      Deno.kill(windows ? this.pid : -this.pid, signal);
    } catch {
      // The whole group has ended.
    }
  }
}
