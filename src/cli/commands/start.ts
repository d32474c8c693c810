/** The command `start`: the gateway in the background. Returns when it answers, or says why not. */

import {
  type DaemonConfig,
  type Flags,
  readConfig,
  readDaemonConfig,
} from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { LogFile } from "../../logging/log_file.ts";
import { pause } from "../../lib/wait.ts";
import { BackgroundProcess } from "../daemon/background_process.ts";
import { askHealth } from "../client/health.ts";
import { Interrupt } from "../daemon/interrupt.ts";
import { linesSince } from "../daemon/log_tail.ts";
import { type GatewayNote, readPidFile } from "../daemon/pid_file.ts";
import { secondsOf } from "../seconds.ts";

const defaultTimeoutMs = 60_000;
const pollMs = 50;
/** How long the first of two starts may take until it can be named, milliseconds. */
const firstMs = 3_000;
/** Lines of the log that are shown where it does not start. */
const shownLines = 10;

/** Starts the gateway; resolves with the exit code. @throws {ConfigError} for what is set wrongly. */
export async function start(flags: Flags): Promise<number> {
  return await startIn(Deno.cwd(), flags);
}

/** As `start`, called in `folder`; `cwd` is where this program was started from. */
export async function startIn(
  folder: string,
  flags: Flags,
  { cwd = folder }: { readonly cwd?: string } = {},
): Promise<number> {
  // What is set wrongly is said here, not in a log.
  const config = readConfig(flags);
  const daemon = readDaemonConfig(flags);
  const { logFile, pidFile } = daemon;
  const timeoutMs = secondsOf(flags.timeout) ?? defaultTimeoutMs;
  const state = await readPidFile(pidFile);
  if (state.type === "running") return refuse(state.note);
  const from = logSize(daemon, config);
  // Before there is anything that it must end.
  using interrupt = new Interrupt();
  const args = ["run", ...wordsOf(flags), "--logfile", logFile, "--background", folder];
  const child = new BackgroundProcess({ args, cwd, logFile });
  const outcome = await untilReady(child, { pidFile, timeoutMs, signal: interrupt.signal });
  if (outcome.type === "ready") {
    child.release();
    console.log(`The gateway runs: process ${child.pid}, at ${outcome.address}\nLog: ${logFile}`);
    return 0;
  }
  await child.end();
  await removeLeftPidFile(pidFile, child.pid);
  if (outcome.type === "interrupted") {
    console.error("Interrupted: the gateway was stopped again");
    return 130;
  }
  const lines = linesSince(logFile, { count: shownLines, from });
  const first = lines.some((line) => line.includes(lockedText)) && await firstOf(pidFile);
  if (first) return refuse(first);
  const why = outcome.type === "late"
    ? `it did not answer within ${timeoutMs / 1000} seconds`
    : `it ended with ${endOf(child)}`;
  console.error(`Cannot start the gateway: ${why}. Its log, ${logFile}, says last:`);
  for (const line of lines.length > 0 ? lines : ["(nothing)"]) console.error(`  ${line}`);
  return 1;
}

/** What a gateway says whose data folder another one has. */
const lockedText = "another gateway is running on it";

/** Of two starts at once: the gateway that was first, as soon as it has its pid file. */
async function firstOf(pidFile: string): Promise<GatewayNote | undefined> {
  const never = new AbortController().signal;
  for (const deadline = Date.now() + firstMs; Date.now() < deadline; await pause(pollMs, never)) {
    const state = await readPidFile(pidFile);
    if (state.type === "running") return state.note;
  }
  return undefined;
}

type Outcome =
  | { readonly type: "ready"; readonly address: string }
  | { readonly type: "ended" | "late" | "interrupted" };

/** Waits until the process answers on its port, ends, takes too long, or is not wanted any more. */
async function untilReady(
  child: BackgroundProcess,
  { pidFile, timeoutMs, signal }: {
    readonly pidFile: string;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Outcome> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline;) {
    if (child.status) return { type: "ended" };
    const state = await readPidFile(pidFile);
    if (state.type === "running" && state.note.pid === child.pid) {
      const { address } = state.note;
      if ((await askHealth(address))?.status === "ok") return { type: "ready", address };
    }
    await pause(pollMs, signal);
    if (signal.aborted) return { type: "interrupted" };
  }
  return { type: "late" };
}

/** One that was killed could not remove it. */
async function removeLeftPidFile(pidFile: string, pid: number): Promise<void> {
  const text = await Deno.readTextFile(pidFile).catch(() => "");
  if (text.startsWith(`${pid}\n`)) await Deno.remove(pidFile).catch(() => {});
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

/** The flags as words again; those that are the start's own are left out. */
function wordsOf(flags: Flags): readonly string[] {
  const own = ["timeout", "logfile", "background"];
  return Object.entries(flags)
    .filter(([name, value]) => value !== undefined && !own.includes(name))
    .map(([name, value]) => value === true ? `--${name}` : `--${name}=${value}`);
}

function endOf({ status }: BackgroundProcess): string {
  return status?.signal ? `signal ${status.signal}` : `exit code ${status?.code}`;
}
