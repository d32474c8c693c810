/** The command `start`: the gateway in the background. Returns when it answers, or says why not. */

import { type DaemonConfig, type Flags, readConfig, readDaemonConfig } from "../config.ts";
import type { GatewayConfig } from "../config_types.ts";
import { LogFile } from "../log_file.ts";
import { pause } from "../wait.ts";
import { BackgroundProcess } from "./background_process.ts";
import { askHealth } from "./gateway_health.ts";
import { linesSince } from "./log_tail.ts";
import { type GatewayNote, readPidFile, removePidFile } from "./pid_file.ts";
import { secondsOf } from "./seconds.ts";

const defaultTimeoutMs = 60_000;
const pollMs = 50;
/** Lines of the log that are shown where it does not start. */
const shownLines = 10;

/** Starts the gateway; resolves with the exit code. @throws {ConfigError} for what is set wrongly. */
export async function start(flags: Flags): Promise<number> {
  return await startIn(Deno.cwd(), flags);
}

/** As `start`, called in the folder `folder`; the process's own stays what this program needs. */
export async function startIn(
  folder: string,
  flags: Flags,
  { cwd = Deno.cwd() }: { readonly cwd?: string } = {},
): Promise<number> {
  // What is set wrongly is said here, not in a log.
  const config = readConfig(flags);
  const daemon = readDaemonConfig(flags);
  const timeoutMs = secondsOf(flags.timeout) ?? defaultTimeoutMs;
  const state = await readPidFile(daemon.pidFile);
  if (state.type === "running") return refuse(state.note);
  const from = logSize(daemon, config);
  const { timeout: _, background: __, ...passed } = flags;
  const child = new BackgroundProcess({
    args: [
      "run",
      ...Object.entries(passed).flatMap(([name, value]) => wordsOf(name, value)),
      ...["--logfile", daemon.logFile, "--background", folder],
    ],
    cwd,
    logFile: daemon.logFile,
  });
  const outcome = await untilReady(child, { pidFile: daemon.pidFile, timeoutMs });
  if (outcome.type === "ready") {
    child.release();
    console.log(`The gateway runs: process ${child.pid}, at ${outcome.address}`);
    console.log(`Log: ${daemon.logFile}`);
    return 0;
  }
  if (outcome.type !== "ended") await child.end();
  removePidFile(daemon.pidFile, { pid: child.pid });
  if (outcome.type === "interrupted") {
    console.error("Interrupted: the gateway was stopped again");
    return 130;
  }
  console.error(
    outcome.type === "late"
      ? `Cannot start the gateway: it did not answer within ${timeoutMs / 1000} seconds`
      : `Cannot start the gateway: it ended with ${endOf(child)}`,
  );
  const lines = linesSince(daemon.logFile, { count: shownLines, from });
  console.error(`Its log, ${daemon.logFile}, says last:`);
  for (const line of lines.length > 0 ? lines : ["(nothing)"]) console.error(`  ${line}`);
  return 1;
}

type Outcome =
  | { readonly type: "ready"; readonly address: string }
  | { readonly type: "ended" | "late" | "interrupted" };

/** Waits until the process answers on its port, ends, takes too long, or is not wanted any more. */
async function untilReady(
  child: BackgroundProcess,
  { pidFile, timeoutMs }: { readonly pidFile: string; readonly timeoutMs: number },
): Promise<Outcome> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  try {
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline;) {
      if (child.status) return { type: "ended" };
      const state = await readPidFile(pidFile);
      if (state.type === "running" && state.note.pid === child.pid) {
        const { address } = state.note;
        if ((await askHealth(address))?.status === "ok") return { type: "ready", address };
      }
      await pause(pollMs, interrupted.signal);
      if (interrupted.signal.aborted) return { type: "interrupted" };
    }
    return { type: "late" };
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
}

function refuse({ pid, address, dataDir }: GatewayNote): number {
  console.error(
    `Cannot start the gateway: it runs already, process ${pid} at ${address}, on data folder ` +
      `"${dataDir}". Use restart, or give this one its own folder with --data-dir.`,
  );
  return 1;
}

/** The size of the log before the start; makes it, so that only this user can read it. */
function logSize({ logFile }: DaemonConfig, { log }: GatewayConfig): number {
  using _file = new LogFile(logFile, { maxBytes: Infinity, keep: 1, ...log.file });
  return Deno.statSync(logFile).size;
}

function wordsOf(name: string, value: string | boolean | undefined): readonly string[] {
  if (value === undefined || name === "logfile") return [];
  return value === true ? [`--${name}`] : [`--${name}=${value}`];
}

function endOf({ status }: BackgroundProcess): string {
  return status?.signal ? `signal ${status.signal}` : `exit code ${status?.code}`;
}
