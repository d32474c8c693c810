/** The commands `start` and `restart`: run the gateway in the background. */

import {
  type DaemonConfig,
  type Flags,
  readConfig,
  readDaemonConfig,
} from "../../config/config.ts";
import type { GatewayConfig } from "../../config/gateway_config.ts";
import { ConfigError } from "../../lib/config_error.ts";
import { pause } from "../../lib/wait.ts";
import { LogFile } from "../../logging/log_file.ts";
import { fetchHealth } from "../client/health.ts";
import { BackgroundProcess } from "../daemon/background_process.ts";
import { linesSince } from "../daemon/log_tail.ts";
import { readPidFile, type RunningGateway } from "../daemon/pid_file.ts";
import { Interrupt } from "../daemon/process_events.ts";
import { readTimeoutMs, stopGateway } from "./stop.ts";

const defaultTimeoutMs = 60_000;
const pollMs = 50;
/** How long the winner of two simultaneous starts may take to write its PID file, milliseconds. */
const winnerTimeoutMs = 3_000;
/** How many lines of the log are shown after a failed start. */
const shownLines = 10;
/** The log line of a gateway whose data folder is in use. */
const lockedText = "another gateway is running on it";

/** Runs `start`; returns when the gateway responds or has failed. */
export async function start(flags: Flags): Promise<number> {
  const folder = Deno.cwd();
  return await launch({ flags, ...readStartConfig(flags), folder, cwd: folder });
}

/** Runs `restart`: repeats the last start with other flags. If no gateway is running, starts it. */
export async function restart(flags: Flags): Promise<number> {
  const daemon = readDaemonConfig(flags);
  const cwd = Deno.cwd();
  const state = await readPidFile(daemon.pidFile);
  if (state.type !== "running") {
    return await launch({ flags, ...readStartConfig(flags), folder: cwd, cwd });
  }
  const { gateway } = state;
  if (!gateway.background) {
    console.error(
      `Cannot restart the gateway: process ${gateway.pid} runs in the foreground, in a terminal or ` +
        "under a supervisor such as systemd. Restart it there.",
    );
    return 1;
  }
  try {
    // Relative paths in its settings, and its .env file, depend on the folder.
    Deno.chdir(gateway.cwd);
  } catch (error) {
    throw new ConfigError(
      `Cannot restart the gateway in "${gateway.cwd}": ${(error as Error).message}`,
      { cause: error },
    );
  }
  // Another folder must not change which gateway is meant.
  const repeated = {
    ...gateway.flags,
    ...flags,
    ...(flags.logfile && { logfile: daemon.logFile }),
    "data-dir": daemon.dataDir,
    pidfile: daemon.pidFile,
  };
  // Read before the stop, so that an invalid setting leaves the gateway running.
  const next = readStartConfig(repeated);
  const code = await stopGateway(gateway, { daemon, timeoutMs: readTimeoutMs(flags) });
  return code === 0 ? await launch({ flags: repeated, ...next, folder: gateway.cwd, cwd }) : code;
}

interface StartConfig {
  readonly config: GatewayConfig;
  readonly daemon: DaemonConfig;
  readonly timeoutMs: number;
}

/** Reads the settings here, so that errors are printed instead of logged. @throws {ConfigError} */
function readStartConfig(flags: Flags): StartConfig {
  return {
    config: readConfig(flags),
    daemon: readDaemonConfig(flags),
    timeoutMs: readTimeoutMs(flags) ?? defaultTimeoutMs,
  };
}

interface LaunchOptions extends StartConfig {
  readonly flags: Flags;
  /** The working folder of the gateway. */
  readonly folder: string;
  /** The folder in which this program was started. */
  readonly cwd: string;
}

async function launch(options: LaunchOptions): Promise<number> {
  const { flags, config, daemon: { logFile, pidFile }, timeoutMs, folder, cwd } = options;
  const state = await readPidFile(pidFile);
  if (state.type === "running") return refuse(state.gateway);
  const logStart = createLog(logFile, config);
  // Before there is a process that an interrupt must stop.
  using interrupt = new Interrupt();
  const args = ["run", ...toArguments(flags), "--logfile", logFile, "--background", folder];
  const child = new BackgroundProcess({ args, cwd, logFile });
  const outcome = await untilReady(child, { pidFile, timeoutMs, signal: interrupt.signal });
  if (outcome.type === "ready") {
    child.release();
    console.log(
      `The gateway is running: process ${child.pid} at ${outcome.address}\nLog: ${logFile}`,
    );
    return 0;
  }
  await child.stop();
  await removeLeftoverPidFile(pidFile, child.pid);
  if (outcome.type === "interrupted") {
    console.error("Interrupted: the gateway was stopped");
    return 130;
  }
  const lines = linesSince(logFile, { count: shownLines, from: logStart });
  const winner = lines.some((line) => line.includes(lockedText)) && await findWinner(pidFile);
  if (winner) return refuse(winner);
  const why = outcome.type === "timeout"
    ? `it did not respond within ${timeoutMs / 1000} seconds`
    : `it ended with ${endOf(child)}`;
  console.error(`Cannot start the gateway: ${why}. Last lines of its log, ${logFile}:`);
  for (const line of lines.length > 0 ? lines : ["(none)"]) console.error(`  ${line}`);
  return 1;
}

/** Of two simultaneous starts, the gateway that was first, as soon as it has written its PID file. */
async function findWinner(pidFile: string): Promise<RunningGateway | undefined> {
  for (const deadline = Date.now() + winnerTimeoutMs; Date.now() < deadline; await pause(pollMs)) {
    const state = await readPidFile(pidFile);
    if (state.type === "running") return state.gateway;
  }
  return undefined;
}

type Outcome =
  | { readonly type: "ready"; readonly address: string }
  | { readonly type: "ended" | "timeout" | "interrupted" };

/** Waits until the gateway responds, ends, takes too long, or the start is interrupted. */
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
    if (state.type === "running" && state.gateway.pid === child.pid) {
      const { address } = state.gateway;
      if ((await fetchHealth(address))?.status === "ok") return { type: "ready", address };
    }
    await pause(pollMs, signal);
    if (signal.aborted) return { type: "interrupted" };
  }
  return { type: "timeout" };
}

/** A killed gateway could not remove its PID file. */
async function removeLeftoverPidFile(pidFile: string, pid: number): Promise<void> {
  const text = await Deno.readTextFile(pidFile).catch(() => "");
  if (text.startsWith(`${pid}\n`)) await Deno.remove(pidFile).catch(() => {});
}

function refuse({ pid, address, dataDir }: RunningGateway): number {
  console.error(
    `Cannot start the gateway: it is already running, process ${pid} at ${address}, on data folder ` +
      `"${dataDir}". Use restart, or choose another folder with --data-dir.`,
  );
  return 1;
}

/** Creates the log, readable by this user only; returns its size before the start. */
function createLog(logFile: string, { log }: GatewayConfig): number {
  using _file = new LogFile(logFile, { maxBytes: Infinity, keep: 1, ...log.file });
  return Deno.statSync(logFile).size;
}

/** The flags as arguments for `run`, without those that only `start` knows or sets. */
function toArguments(flags: Flags): readonly string[] {
  const own = ["timeout", "logfile", "background"];
  return Object.entries(flags)
    .filter(([name, value]) => value !== undefined && !own.includes(name))
    .map(([name, value]) => value === true ? `--${name}` : `--${name}=${value}`);
}

function endOf({ status }: BackgroundProcess): string {
  return status?.signal ? `signal ${status.signal}` : `exit code ${status?.code}`;
}
